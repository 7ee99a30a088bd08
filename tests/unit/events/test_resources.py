"""Names of projects, topics and subscriptions: what Google takes is taken, and what it would not is told."""

import pytest

from events.resources import are_same, parse_name, parse_project, path, project_of, short


@pytest.mark.parametrize("project", ["", "my-project-123", "123456789", "example.com:my-project", "a.b-c.example:p"])
def test_projects_are_taken_as_google_takes_them(project: str) -> None:
    """By id, by number, and by an id of a domain."""
    assert parse_project(project) == project


@pytest.mark.parametrize(
    ("project", "right"),
    [
        ("projects/my-project", "write my-project"),
        ("projects/example.com:p", "write example.com:p"),
        ("//cloudresourcemanager.googleapis.com/projects/123", "write 123"),
        ("My-Project", "write my-project"),
        ("my project", "gcloud projects list"),
        ("-p", "example.com:my-project"),
        ("1a", "123456789"),
    ],
)
def test_a_wrong_project_is_told_with_the_right_form(project: str, right: str) -> None:
    """The one that was meant where that can be told, else examples."""
    with pytest.raises(ValueError, match=right):
        parse_project(project)


@pytest.mark.parametrize(
    "name", ["", "uploads", "projects/p/topics/uploads", "projects/123/topics/a.b", "projects/a.com:p/topics/up+x"]
)
def test_topics_are_taken_by_name_and_by_path(name: str) -> None:
    """A path may be of any project."""
    assert parse_name("topics", name) == name


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("//pubsub.googleapis.com/projects/p/topics/uploads", "write projects/p/topics/uploads"),
        ("https://pubsub.googleapis.com/v1/projects/p/topics/uploads", "write projects/p/topics/uploads"),
        ("projects/p/topics/uploads/", "write projects/p/topics/uploads"),
        ("projects/p/subscriptions/uploads", "one of the subscriptions: write projects/PROJECT/topics/NAME"),
        ("projects/My Project/topics/uploads", "with a project such as"),
        ("topics/uploads", "nor projects/PROJECT/topics/NAME"),
        ("projects/p", "nor projects/PROJECT/topics/NAME"),
        ("goog-uploads", "not 'goog'"),
        ("projects/p/topics/goog-uploads", "is not projects/PROJECT/topics/NAME"),
        ("ab", "3 to 255"),
    ],
)
def test_a_wrong_topic_is_told_with_the_right_form(name: str, right: str) -> None:
    """The whole path where it can be read out of what was given."""
    with pytest.raises(ValueError, match=right):
        parse_name("topics", name)


def test_what_is_repeated_of_a_wrong_name_is_bounded() -> None:
    """And has no control characters in it."""
    with pytest.raises(ValueError, match="is not a project") as error:
        parse_project("\x1b[31m" + "p" * 5000)
    assert len(str(error.value)) < 300
    assert "\x1b" not in str(error.value)


def test_a_path_is_made_and_read() -> None:
    """A name alone is in the project that is given beside it."""
    assert path("topics", "t", project="p") == "projects/p/topics/t"
    assert path("topics", "projects/42/topics/t", project="p") == "projects/42/topics/t"
    assert (project_of("projects/a.com:p/topics/t"), short("projects/a.com:p/topics/t")) == ("a.com:p", "t")
    assert (project_of("t"), short("t")) == ("", "t")


def test_a_project_by_number_may_be_the_one_by_id() -> None:
    """Google answers with the id whatever was asked for; two ids, or two numbers, are two projects."""
    assert are_same("projects/p/topics/t", "projects/p/topics/t")
    assert are_same("projects/42/topics/t", "projects/a.com:p/topics/t")
    assert not are_same("projects/p/topics/t", "projects/q/topics/t")
    assert not are_same("projects/42/topics/t", "projects/43/topics/t")
    assert not are_same("projects/42/topics/t", "projects/p/topics/other")
    assert not are_same("_deleted-topic_", "projects/42/topics/_deleted-topic_")
