"""Every metric that Cotejo gives: its unit, which values are good, what it means, and who gives it.

`<q>` is a percentile, `<n>` a GPU or a process. Given by a task where it is measured in process, by `servers` of what a
client sees of one, by their own `counters`, by `telemetry`, and by `clients` that report numbers and no samples.
"""

import re
from typing import NamedTuple

from cotejo.tasks import TASKS

SERVED, COUNTERS, TELEMETRY, CLIENTS = "servers", "counters", "telemetry", "clients"
LANGUAGE = ("text-generation", "visual-question-answering")


class Described(NamedTuple):
    """A metric, or a family of them."""

    name: str
    unit: str
    better: str
    meaning: str
    given_by: tuple[str, ...]

    def describes(self, metric: str) -> bool:
        """Whether it is the metric of that name, or one of the family."""
        pattern = re.escape(self.name).replace("<q>", r"[1-9][0-9]?").replace("<n>", r"[0-9]+")
        return re.fullmatch(pattern, metric) is not None


METRICS = (
    Described("tokens_per_s", "tokens/s", "higher", "Tokens of good answers over the window; in fine-tuning those of "
              "the texts, without padding.", (*LANGUAGE, "fine-tuning", SERVED, CLIENTS)),
    Described("total_tokens_per_s", "tokens/s", "higher", "Likewise, the prompts' tokens included.", (CLIENTS,)),
    Described("requests_per_s", "requests/s", "higher", "Good answers over the window.", (SERVED, CLIENTS)),
    Described("inferences_per_s", "inferences/s", "higher", "Good answers, or forward passes, over the window.",
              ("image-captioning", "visual-question-answering")),
    Described("frames_per_s", "frames/s", "higher", "Finished frames over the window.", ("video-segmentation",)),
    Described("real_time_factor", "s/s", "lower", "Seconds of work for a second of audio; below 1 is faster than it is "
              "spoken.", ("speech-recognition",)),
    Described("decode_steps_per_s", "steps/s", "higher", "How often the decoder runs in a second.",
              ("speech-recognition",)),
    Described("characters_per_s", "characters/s", "higher", "Characters of good answers over the window.",
              (SERVED, CLIENTS)),
    Described("characters_mean_per_s", "characters/s", "higher", "The mean over requests of one's characters over its "
              "time; some load tools print this.", (SERVED,)),
    Described("characters_p<q>_per_s", "characters/s", "higher", "A percentile of the same; the low ones are the bad "
              "ones.", (SERVED,)),
    Described("pass_s", "s", "lower", "One pass over the whole data set.",
              ("text-generation", "speech-recognition", "image-captioning", "visual-question-answering")),
    Described("latency_mean_ms", "ms", "lower", "The mean of what follows.", (SERVED, CLIENTS)),
    Described("latency_p<q>_ms", "ms", "lower", "The time of a request, from when it was due until it was done; in "
              "fine-tuning, of a step.", (*(name for name in TASKS if name != "video-segmentation"), SERVED, CLIENTS)),
    Described("service_mean_ms", "ms", "lower", "The mean of what follows.", (CLIENTS,)),
    Described("service_p<q>_ms", "ms", "lower", "Of open loads: from when it was sent until it was done.",
              (SERVED, CLIENTS)),
    Described("ttft_mean_ms", "ms", "lower", "The mean of what follows.", (CLIENTS,)),
    Described("ttft_p<q>_ms", "ms", "lower", "Time to first token, from when the request was due.",
              (*LANGUAGE, SERVED, CLIENTS)),
    Described("tpot_mean_ms", "ms", "lower", "The mean of what follows.", (CLIENTS,)),
    Described("tpot_p<q>_ms", "ms", "lower", "Time per output token: from the first to the end, over their number but "
              "one.", (*LANGUAGE, SERVED, CLIENTS)),
    Described("itl_mean_ms", "ms", "lower", "The mean of what follows.", (CLIENTS,)),
    Described("itl_p<q>_ms", "ms", "lower", "The time between one piece of a streamed answer and the next.",
              (SERVED, CLIENTS)),
    Described("goodput_per_s", "requests/s", "higher", "Requests that kept all the run's limits, over the window.",
              (SERVED, CLIENTS)),
    Described("goodput_percent", "%", "higher", "The share of all attempts that did.", (SERVED, CLIENTS)),
    Described("sent_on_time_percent", "%", "higher", "Of an open load: the share of the arrivals sent on time.",
              (CLIENTS,)),
    Described("preparation_p<q>_ms", "ms", "lower", "Reading and preparing an image and its question.",
              ("visual-question-answering",)),
    Described("tokens_per_inference", "tokens", "lower", "The mean length of an answer.",
              ("visual-question-answering",)),
    *(Described(f"{stage}_p<q>_ms", "ms", "lower", f"{what} Stages overlap: their times don't add up.",
                ("video-segmentation",))
      for stage, what in (("decode", "Decoding a frame."), ("preprocess", "Scaling it into the network's input."),
                          ("inference", "The network."), ("postprocess", "Finding objects, and drawing them."),
                          ("encode", "Encoding a frame."))),
    Described("train_s", "s", "lower", "All measured steps, without warm-up and evaluation.", ("fine-tuning",)),
    Described("steps_per_s", "steps/s", "higher", "Steps over that time.", ("fine-tuning",)),
    Described("samples_per_s", "pairs/s", "higher", "Pairs of texts over that time.", ("fine-tuning",)),
    Described("loss_start", "nats", "lower", "The mean loss of the first ten measured steps, or of the first third.",
              ("fine-tuning",)),
    Described("loss_end", "nats", "lower", "Likewise, of the last ones.", ("fine-tuning",)),
    *(Described(f"rank<n>_{kind}_mib", "MiB", "lower", f"{what}", ("fine-tuning",))
      for kind, what in (("rss_peak", "The most memory that a process held."),
                         ("model_state", "What of the model's state lies with a process: the sum of what follows."),
                         ("parameters", "Its weights."), ("gradients", "Its gradients."),
                         ("optimizer", "What the optimiser keeps."),
                         ("master_weights", "DeepSpeed's own copies of its part of the weights."))),
    Described("gpu<n>_memory_allocated_peak_mib", "MiB", "lower", "The most that PyTorch's tensors took of a GPU.",
              ("visual-question-answering", "fine-tuning")),
    Described("queue_ms", "ms", "lower", "By the server: a request's mean time before it is computed.", (COUNTERS,)),
    Described("compute_ms", "ms", "lower", "By the server: its mean time of being computed.", (COUNTERS,)),
    Described("inference_ms", "ms", "lower", "By the server: its mean time from arrival to answer.", (COUNTERS,)),
    Described("batch_size", "requests", "higher", "By the server: the mean requests of a batch.", (COUNTERS,)),
    Described("cpu_cores", "cores", "lower", "CPU time of the measured processes over the window.", (TELEMETRY,)),
    Described("client_cpu_cores", "cores", "lower", "Likewise, of the client.", (TELEMETRY,)),
    Described("rss_peak_mib", "MiB", "lower", "The most memory that they held, resident.", (TELEMETRY,)),
    Described("pss_peak_mib", "MiB", "lower", "Likewise, each shared page divided among its holders.", (TELEMETRY,)),
    Described("package_energy_per_request_j", "J", "lower", "Energy of the CPU packages, idling included, over the "
              "good requests.", (TELEMETRY,)),
    Described("gpu_energy_per_request_j", "J", "lower", "Likewise, of the run's GPUs.", (TELEMETRY,)),
    Described("gpu_memory_peak_mib", "MiB", "lower", "The most memory in use on one of the run's GPUs.", (TELEMETRY,)),
    Described("gpu_memory_total_mib", "MiB", "lower", "The sum of their peaks.", (TELEMETRY,)),
    Described("gpu<n>_memory_peak_mib", "MiB", "lower", "Of several: each one's.", (TELEMETRY,)),
    Described("gpu<n>_rx_mb_per_s", "MB/s", "lower", "Of several: what each received over PCIe.", (TELEMETRY,)),
    Described("gpu<n>_tx_mb_per_s", "MB/s", "lower", "Likewise, what it sent.", (TELEMETRY,)),
)  # fmt: skip


def described(metric: str) -> list[Described]:
    """What describes a metric: one of METRICS, if all is well."""
    return [each for each in METRICS if each.describes(metric)]
