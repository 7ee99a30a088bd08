"""`publish`, `bootstrap` and `doctor` as programs, against a real GCS server and a real Pub/Sub server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from events import manifest
from infra.local.versions import saved_model
from master.cli.exits import Exit
from tests.support.stack import GcsServer

FILES = {
    "saved_model.pb": saved_model(),
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"weights",
    "assets/empty.txt": b"",
}
FILTER = 'attributes.eventType = "OBJECT_FINALIZE" AND hasPrefix(attributes.objectId, "models/")'


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def command(server: GcsServer, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "error",
        "STORAGE_EMULATOR_HOST": server.url,
        "PUBSUB_EMULATOR_HOST": server.pubsub_address,
        "MM_PROJECT": server.project,
        "MM_MASTER_URL": "http://127.0.0.1:9",  # discard: nobody listens
        **variables,
    }
    line = [sys.executable, "-m", "master.cli", *map(str, arguments)]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_version_is_published_once(gcs_server: GcsServer, version: Path) -> None:
    """All files and a manifest that matches; the same again changes nothing; another content is refused."""
    done = command(gcs_server, "publish", version, "gs://models/a/line/7", "--json")
    assert done.returncode == Exit.DONE, done.stderr
    assert json.loads(done.stdout)["url"] == "gs://models/a/line/7/"
    assert sorted(gcs_server.bucket.names("a/line/7/")) == sorted(
        f"a/line/7/{name}" for name in [*FILES, "manifest.json"]
    )
    assert set(manifest.parse(gcs_server.bucket.read("a/line/7/manifest.json"))) == set(FILES)
    again = command(gcs_server, "publish", version, "gs://models/a/line/7")
    assert "was published already" in again.stdout
    (version / "assets/empty.txt").write_bytes(b"another")
    refused = command(gcs_server, "publish", version, "gs://models/a/line/7")
    assert refused.returncode == Exit.FAILED
    assert "a published version never changes" in refused.stderr


def test_a_large_file_goes_in_pieces(gcs_server: GcsServer, version: Path) -> None:
    """A file of several upload requests arrives whole."""
    (version / "assets/large.bin").write_bytes(os.urandom(1 << 20) * 20)
    done = command(gcs_server, "publish", version, "gs://models/line/8")
    assert done.returncode == Exit.DONE, done.stderr
    assert "20.97" not in done.stdout
    assert gcs_server.bucket.read("line/8/assets/large.bin") == (version / "assets/large.bin").read_bytes()


def test_the_next_number_is_chosen_where_none_is_given(gcs_server: GcsServer, version: Path) -> None:
    """It is higher than those there are, and a dry run sends nothing."""
    gcs_server.bucket.write("line/0099999999999/saved_model.pb", b"x")  # as TensorFlow Serving takes it: no zeros
    gcs_server.bucket.write("line/not-a-version/x", b"x")
    dry = command(gcs_server, "publish", version, "gs://models/line/", "--dry-run")
    assert dry.stdout == f"would publish {sum(map(len, FILES.values()))} B as gs://models/line/100000000000/\n"
    assert gcs_server.bucket.names("line/100000000000/") == []


def test_a_number_that_is_taken_is_told_with_how_a_free_one_is_found(gcs_server: GcsServer, version: Path) -> None:
    """Another content under the same number, and a folder that TensorFlow Serving takes for the same number."""
    gcs_server.bucket.write("taken/007/saved_model.pb", b"x")
    alike = command(gcs_server, "publish", version, "gs://models/taken/7")
    assert alike.returncode == Exit.FAILED
    assert "gs://models/taken/007/ is there, and TensorFlow Serving takes it for version 7, too" in alike.stderr
    gcs_server.bucket.write("taken/8/saved_model.pb", b"x")
    other = command(gcs_server, "publish", version, "gs://models/taken/8")
    assert other.returncode == Exit.FAILED
    assert f"model-manager publish {version} gs://models/taken/" in other.stderr


def test_a_version_below_the_newest_is_published_with_a_word(gcs_server: GcsServer, version: Path) -> None:
    """Nodes that follow the newest do not take it, and somebody may wait for it in vain."""
    gcs_server.bucket.write("behind/9/saved_model.pb", b"x")
    done = command(gcs_server, "publish", version, "gs://models/behind/3")
    assert done.returncode == Exit.DONE
    assert "version 9 of behind is in the bucket: nodes that follow the newest do not take 3" in done.stderr


def test_without_a_master_a_version_is_published_with_a_word(gcs_server: GcsServer, version: Path) -> None:
    """A training image may know none; that nobody was asked is said."""
    done = command(gcs_server, "publish", version, "gs://models/alone/1")
    assert done.returncode == Exit.DONE
    assert "whether a node looks at gs://models/ is not known: no master answers" in done.stderr


def test_what_is_doubtful_is_published_with_anyway(gcs_server: GcsServer, version: Path) -> None:
    """The highest number is one of the doubts."""
    done = command(gcs_server, "publish", version, f"gs://models/last/{2**63 - 1}", "--anyway")
    assert done.returncode == Exit.DONE, done.stderr


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("gs://nowhere/line/1", Exit.FAILED, "cannot list gs://nowhere/line/"),
        ("s3://models/line/1", Exit.USAGE, "is not gs://"),
    ],
)
def test_what_cannot_be_published_is_told(
    gcs_server: GcsServer, version: Path, url: str, code: Exit, words: str
) -> None:
    """One sentence that names the place, and no traceback."""
    failed = command(gcs_server, "publish", version, url)
    assert failed.returncode == code
    assert words in failed.stderr
    assert "Traceback" not in failed.stderr


def test_an_unreachable_bucket_is_told_within_seconds(gcs_server: GcsServer, version: Path) -> None:
    """The address is wrong, or nothing runs there."""
    failed = command(gcs_server, "publish", version, "gs://models/line/1", STORAGE_EMULATOR_HOST="http://127.0.0.1:9")
    assert failed.returncode == Exit.FAILED
    assert "Traceback" not in failed.stderr
    assert "cannot list gs://models/line/" in failed.stderr


def test_bootstrap_makes_what_is_missing_and_can_be_repeated(gcs_server: GcsServer) -> None:
    """Topic and subscriptions are made once; what the emulators lack is said, not failed."""
    place = ("--bucket", "models", "--topic", "fresh", "--prefix", "models")
    nodes = ("--node", "n1", "--node", "n2")
    dry = command(gcs_server, "bootstrap", *place, *nodes, "--dry-run")
    assert dry.returncode == Exit.DONE, dry.stderr
    assert "gcloud pubsub topics create fresh" in dry.stdout
    first = json.loads(command(gcs_server, "bootstrap", *place, *nodes, "--json").stdout)
    assert [step["outcome"] for step in first] == ["made", "was there", "skipped", "skipped", "made", "made"]
    second = command(gcs_server, "bootstrap", *place, *nodes, "--json")
    assert [step["outcome"] for step in json.loads(second.stdout)] == [
        *("was there", "was there", "skipped", "skipped", "was there", "was there"),
    ]
    assert second.returncode == Exit.DONE


def test_doctor_looks_at_bucket_and_topic_without_a_master(gcs_server: GcsServer) -> None:
    """Each finding has a level; the unreachable master alone is wrong."""
    done = command(gcs_server, "doctor", "--bucket", "models", "--topic", gcs_server.topic, "--json")
    levels = {finding["subject"]: finding["level"] for finding in json.loads(done.stdout)}
    assert levels["master"] == "wrong"
    assert levels["bucket models"] == "good"
    assert levels[f"topic {gcs_server.topic}"] == "good"
    assert levels["notification of models"] == "not checked"
    assert done.returncode == Exit.NOT_AS_DESIRED


def test_doctor_finds_a_missing_bucket_and_topic(gcs_server: GcsServer) -> None:
    """It says what makes them."""
    done = command(gcs_server, "doctor", "--bucket", "nowhere", "--topic", "nothing")
    assert "bucket nowhere: it does not exist" in done.stdout
    assert "topic nothing: it does not exist" in done.stdout
    assert "model-manager bootstrap" in done.stdout


@pytest.mark.parametrize("project", ["123456789", "example.com:my-project"])
def test_projects_by_number_and_of_a_domain(gcs_server: GcsServer, project: str) -> None:
    """Topic in the one, subscription in the other: made, and found by doctor."""
    place = (
        "--bucket",
        "models",
        "--project",
        "contract-two",
        "--topic",
        f"projects/{project}/topics/topic-{project[:3]}",
    )
    made = command(gcs_server, "bootstrap", *place, "--node", "n1", "--json")
    assert made.returncode == Exit.DONE, made.stderr
    assert [step["outcome"] for step in json.loads(made.stdout)][::4] == ["made", "made"]
    again = json.loads(command(gcs_server, "bootstrap", *place, "--node", "n1", "--json").stdout)
    assert [step["outcome"] for step in again][::4] == ["was there", "was there"]
    looked = json.loads(command(gcs_server, "doctor", *place, "--json").stdout)
    assert {one["level"] for one in looked if one["subject"].startswith("topic ")} == {"good"}


def test_a_wrong_form_of_a_project_is_told_with_the_right_one(gcs_server: GcsServer) -> None:
    """On the command line as in the settings of a node."""
    failed = command(gcs_server, "doctor", "--bucket", "models", "--project", "projects/p", "--topic", "uploads")
    assert failed.returncode == Exit.USAGE
    assert "write p" in failed.stderr
    assert "Traceback" not in failed.stderr
