"""One question to a server and its answer, outside any measurement: for the golden answer."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from cotejo.apis import api as module_of
from cotejo.apis.interface import Item
from cotejo.servers.interface import Endpoint

# Through no proxy, whatever the environment says: every server is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(api: str, endpoint: Endpoint, run: Mapping[str, Any], item: Item, timeout_s: float = 120) -> Any:
    """What an item's answer says: text, or arrays by their names ({"logits": float32 [1, tokens, vocabulary]}).

    AnswerError where it is no good answer, OSError where the server takes no connection or breaks it.
    """
    module = module_of(api)
    request = module.request(item, run, endpoint)
    sent = urllib.request.Request(
        endpoint.url() + request.path, request.body or None, request.headers, method=request.method
    )
    try:
        with _opener.open(sent, timeout=timeout_s) as answered:
            status, body = answered.status, answered.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    answer = module.Answer(item)
    answer.feed(body, 0.0)
    answer.end(status)
    return module.outputs_of(body) if hasattr(module, "outputs_of") else module.text_of(answer)
