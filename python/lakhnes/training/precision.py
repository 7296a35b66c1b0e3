"""In which precision matrix products run."""

from __future__ import annotations

import torch

__all__ = ["fast_dtype", "product_dtype"]


def product_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the type of matrix products for ``"auto"`` (`fast_dtype`), ``"float32"`` or ``"bfloat16"``."""
    if precision == "auto":
        return fast_dtype(device)
    return torch.float32 if precision == "float32" else torch.bfloat16


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return the type whose matrix products are fastest on a device.

    It is bfloat16 where the hardware multiplies it (CPUs with AMX or AVX-512 BF16, recent GPUs): elsewhere that is
    emulated, on CPUs tens of times slower than float32.
    """
    return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or torch.backends.cpu.get_cpu_capability() == "AVX2":  # or kept to it by the environment
        return False
    # Not a public name of torch: without it, float32 is right everywhere.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())
