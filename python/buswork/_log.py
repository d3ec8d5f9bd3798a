"""The log of the package: `logging.getLogger("buswork")`."""

from __future__ import annotations

import logging

logger = logging.getLogger("buswork")
