"""The proof of a conversion: both ends run on the same inputs, each set against the float64 truth."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from interop.models import Architecture
from interop.progress import Update
from interop.signature import Signature
from interop.workers import Worker
from interop.workers.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from interop.conversion import Request
    from interop.targets import Target
