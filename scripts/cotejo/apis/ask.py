"""One question to a server and its answer, outside any measurement: for the golden answer."""

import urllib.request
from collections.abc import Mapping
from typing import Any

from cotejo.apis import api as module_of
from cotejo.apis.interface import Item, asked
from cotejo.loopback import answer_to
from cotejo.servers.interface import Endpoint


def ask(api: str, endpoint: Endpoint, run: Mapping[str, Any], item: Item, timeout_s: float = 120) -> Any:
    """What an item's answer says: text, or arrays by their names ({"logits": float32 [1, tokens, vocabulary]}).

    AnswerError where it is no good answer, OSError where the server takes no connection or breaks it.
    """
    module = module_of(api)
    request = module.request(item, asked(item, run), endpoint)
    sent = urllib.request.Request(
        endpoint.url() + request.path, request.body or None, request.headers, method=request.method
    )
    status, body = answer_to(sent, timeout_s)
    answer = module.Answer(item)
    answer.feed(body, 0.0)
    answer.end(status)
    return module.outputs_of(body) if hasattr(module, "outputs_of") else module.text_of(answer)
