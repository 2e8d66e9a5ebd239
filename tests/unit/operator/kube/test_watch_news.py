"""News from the watches' thread: what one piece of it does wrong keeps no other from being handled."""

from __future__ import annotations

import asyncio
import threading

from support.bodies import job_body

from retrain_operator.kube.watch import Watches
from retrain_operator.state.news import News


def test_news_that_can_t_be_handled_holds_up_none_that_was_told_with_it_or_after_it() -> None:
    handled: list[str] = []

    def handle(news: News) -> None:
        handled.append(news.uid)
        if news.uid == "first":
            raise ZeroDivisionError

    async def told(*uids: str) -> None:
        loop = asyncio.get_running_loop()
        changed = watches._handler("jobs", loop)

        def tell() -> None:
            for uid in uids:
                asyncio.run(changed({"type": "ADDED", "object": job_body(uid=uid)}))

        # The loop stands still meanwhile, so that all of it waits together.
        thread = threading.Thread(target=tell)
        thread.start()
        thread.join()
        await asyncio.sleep(0.05)

    async def all_told() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        await told("first", "second")
        await told("third")

    watches = Watches(handle, ())
    asyncio.run(all_told())
    assert handled == ["first", "second", "third"]
