import numpy as np
import pytest

from cotejo.golden import compare_text, matches, plain

WORDS = [" the", " cat", " sat", "s", " cats", "</s>", "�", " on"]
END = 5
OWN = [0, 1, 2, 7]  # what the model itself says: " the cat sat on"


def decode(tokens):
    return "".join(WORDS[token] for token in tokens if token != END)


def stepper(second=None, below=0.0):
    """A model that says OWN; after the first token another one lies `below` deviations under the best."""

    def step(tokens):
        logits = np.linspace(-1, 0, len(WORDS))
        logits[OWN[len(tokens)] if len(tokens) < len(OWN) else END] = 4.0
        if second is not None and len(tokens) == 1:
            logits[second] = 4.0
            logits[second] -= below * logits.std()
        return logits

    return step


def compared(text, step=None, most=4, allowed=0.03):
    return compare_text(step or stepper(), decode, text, [END], most, allowed)


def test_the_models_own_text_passes():
    found = compared(" the cat sat on")
    assert (found["status"], found["tokens"], found["most_likely"], found["error"]) == ("ok", 4, 4, 0.0)


@pytest.mark.parametrize("text", ["the cat sat on", " the cat sat on and more"])
def test_a_missing_first_space_and_what_comes_after_the_last_token_do_not_count(text):
    assert compared(text)["status"] == "ok"


def test_another_token_is_named():
    found = compared(" the dog sat on")
    assert (found["status"], found["tokens"]) == ("failed", 1)
    assert found["message"] == "after 1 tokens PyTorch goes on with ' cat', the server has ' dog sat on'"


@pytest.mark.parametrize(("below", "status"), [(0.01, "ok"), (0.2, "failed")])
def test_a_token_nearly_as_likely_passes_within_the_margin(below, status):
    found = compared(" the sat sat on", stepper(second=2, below=below))
    assert found["status"] == status
    if status == "ok":
        assert 0 < found["error"] <= 0.03
        assert found["most_likely"] == 3


def test_of_two_tokens_that_fit_the_text_the_right_one_is_found():
    """ " cats" fits as far as it goes, but nothing goes on from there."""

    def step(tokens):
        logits = np.linspace(-1, 0, len(WORDS))
        if len(tokens) == 1:
            logits[[4, 1]] = [4.001, 4.0]
        elif list(tokens) == [0, 1]:
            logits[3] = 4.0
        else:
            logits[{0: 0, 3: 7}.get(len(tokens), 6)] = 4.0
        return logits

    found = compared(" the cats on", step)
    assert (found["status"], found["tokens"]) == ("ok", 4)


def test_a_text_that_ends_where_the_model_would_go_on_fails():
    found = compared(" the cat")
    assert (found["status"], found["tokens"]) == ("failed", 2)
    assert found["message"].endswith("goes on with ' sat', the server has ''")


def test_a_text_may_end_where_the_model_ends_it():
    assert compared(" the cat sat on", most=9)["status"] == "ok"


def test_an_empty_answer_fails():
    assert compared("")["status"] == "failed"


def test_bytes_that_are_no_character_count_as_one():
    assert plain("a���b�") == "a�b�"
    assert matches([0, 6], decode, " the�cat".lstrip())
    assert matches([0, 6], decode, "the")
