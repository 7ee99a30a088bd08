/** Looks at something again when it may be otherwise, but not more often than is good for the master. */

import { reason } from "./api.js";
import { connection } from "./connection.js";
import { read } from "./json.js";
import { follow } from "./stream.js";

/** @import { BoardNews } from "./types.js" */

const PAUSE_MS = 400;
const RETRY_MS = 3_000;

/**
 * Look now, and whenever the news touch on it, until stopped. `sorry` hears why there is nothing to be seen.
 * @param {{look: () => Promise<void>, concerns: (news: BoardNews) => boolean, sorry: (words: string) => void}} what
 * @returns {{now: () => void, stop: () => void}}
 */
export function refresh({ look, concerns, sorry }) {
  let timer = 0;
  let isLooking = false;
  let isDue = false;
  const run = async () => {
    timer = 0;
    isLooking = true;
    isDue = false;
    try {
      await look();
    } catch (error) {
      if (!connection.lostSince) sorry(reason(error));
      timer = setTimeout(run, RETRY_MS);
    }
    isLooking = false;
    if (isDue) soon();
  };
  const soon = () => {
    isDue = true;
    if (!timer && !isLooking) timer = setTimeout(run, PAUSE_MS);
  };
  const unfollow = follow("/v1/board/news", (message) => {
    /** @type {BoardNews} */
    const news = read(message.data);
    if (news.is_whole || concerns(news)) soon();
  });
  void run();
  return {
    now: soon,
    stop: () => {
      clearTimeout(timer);
      unfollow();
    },
  };
}
