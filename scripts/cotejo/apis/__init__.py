"""APIs: how a request to a server is written and its answer read, one module each. Importing them is cheap.

An API's module gives

- `TASKS` it can put to a server; `STREAMS`: whether answers come piece by piece; `COLUMNS`: its own columns of samples;
- `items(run, dataset_folder, model_folder)`: an endless iterator of `cotejo.apis.interface.Item`, in an order drawn
  from the run's seed, no two of which make the same request unless the run asks for it;
- `request(item, run, endpoint)`: the HTTP request (`cotejo.apis.interface.Request`), made outside the clock;
- `Answer(item)`: reads the answer to an item: `feed(data, now_s)` for each piece of the body as it comes, which does as
  good as nothing; then, outside the clock, `end(status)`, which gives the sample's own columns (`first_token_s`, an
  instant of the same clock, `tokens_out`, …) or raises AnswerError for what is no good answer;
- `prompt(item)`, of text APIs but those whose server lays the model's chat template over what it is asked: the text
  that the model is given, with <image> where an image stands;
- `text_of(answer)` of an answer that has ended, or `outputs_of(body)`: what is compared with PyTorch's, `outputs_of`
  beside `inputs_of(item)`, the model's inputs by their names;
- `fixed_answer(run)`: the pieces of a good answer's body, for the null server (cotejo.clients.null_server).
"""

from importlib import import_module
from types import ModuleType

from cotejo.errors import CotejoError

APIS = {
    "openai-chat": "cotejo.apis.openai_chat",
    "openai-completions": "cotejo.apis.openai_completions",
    "tgi-generate": "cotejo.apis.tgi_generate",
    "triton-infer": "cotejo.apis.triton_infer",
    "llava-stream": "cotejo.apis.llava_stream",
}


def api(name: str) -> ModuleType:
    """An API's module; CotejoError if there is none of that name."""
    if name not in APIS:
        raise CotejoError(f"api: {name}: unknown. One of {', '.join(APIS)}")
    return import_module(APIS[name])
