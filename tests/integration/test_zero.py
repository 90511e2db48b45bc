"""DeepSpeed's ZeRO for real, in two processes: they learn what two without it learn, and each holds less."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from training import measured, prepared

from cotejo.files import sha256_of
from cotejo.stacks import STAMP, lock_files
from cotejo.command import ROOT

pytestmark = pytest.mark.beside

STUDY = """
title: ZeRO
defaults:
  {model: t5-small, weights: synthetic, scale: small, dataset: few-pairs, backend: transformers-trainer, cores: 2,
   processes: 2, batch_size: 4, source_tokens: 24, target_tokens: 16, warmup_steps: 2, learning_rate: 0.003, epochs: 1,
   max_steps: 6, timeout_s: 200}
runs:
  - {name: plain, split: data_parallel}
  - {name: zero1, split: zero1}
  - {name: zero3, split: zero3-offload}
  - {name: zero1-bf16, split: zero1, compute_precision: bf16}
  - {name: zero3-bf16, split: zero3-offload, compute_precision: bf16}
figures: []
"""
