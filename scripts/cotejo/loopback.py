"""HTTP to a server of this machine, outside any measurement: through no proxy, whatever the environment says."""

import urllib.error
import urllib.request

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answer_to(request: urllib.request.Request, timeout_s: float) -> tuple[int, bytes]:
    """The status and the body of an answer, also where HTTP calls it an error; OSError where there comes none."""
    try:
        with _opener.open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
