"""Someone who opens a page from the file system in a real browser, and looks at it as it was laid out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

REPORTS = os.environ.get("COTEJO_REPORTS")  # a folder of real results to look at, in place of made-up ones
LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf-8")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 812}


class Reader:
    """Opens pages, each in a context of its own, and keeps what they asked for and complained of."""

    def __init__(self, browser: "Browser") -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.asked: list[str] = []  # the addresses of all requests but for what lies in the page itself
        self.complaints: list[str] = []  # what the console was told, and errors that no script caught

    def open(self, path: Path, **options: Any) -> "Page":
        """A file, laid out and its scripts run, on a desk's screen unless the options of the context say otherwise."""
        context = self._browser.new_context(**{"viewport": DESK, **options})
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(path.as_uri(), wait_until="load")
        return page

    def look(self, page: "Page", question: str, *arguments: Any) -> Any:
        """The answer of one of look.js's functions to this page."""
        return page.evaluate(f"(given) => {{ {LOOK}\nreturn {question}(...given); }}", list(arguments))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for context in self._contexts:
            context.close()
