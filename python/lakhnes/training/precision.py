"""In which precision matrix products run."""

from __future__ import annotations

import torch

__all__ = ["product_dtype"]


def product_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the type of matrix products for ``"auto"``, ``"float32"`` or ``"bfloat16"``.

    ``"auto"`` is bfloat16 where the hardware multiplies it (CPUs with AMX or AVX-512 BF16, recent GPUs): elsewhere it
    is emulated and slower than float32.
    """
    if precision != "auto":
        return torch.float32 if precision == "float32" else torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    # Not a public name of torch: without it, float32 is right everywhere.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return torch.bfloat16 if device.type == "cpu" and supported is not None and supported() else torch.float32
