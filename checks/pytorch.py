#!/usr/bin/env python3
"""What PyTorch computes on its device, held against the CPU in double precision.

    pytorch.py [--seconds S] NAME...    NAME: version, hip, device, matmul-128, matmul-1024, batched, conv2d, train, or all

Each NAME prints one line. The last line is JSON: {"NAME": true, ...}, the same for every run that is right.
Exit status: 0 all right; 1 something is wrong; 77 nothing could be asked, and the last line says why.
"""

import json
import sys
import time

SKIP = 77
EPSILON = 2.0 ** -24  # unit roundoff of float32


def skip(reason):
    print(reason)
    sys.exit(SKIP)


def bounded(name, got, want, scale, terms):
    """|got - want| <= (terms + 2) * epsilon * scale, element by element: what rounding alone can do."""
    import torch

    got, scale = got.double().cpu(), scale + 1e-30
    if torch.isnan(got).any():
        print(f"{name}: the result holds a NaN")
        return False
    worst = ((got - want).abs() / ((terms + 2) * EPSILON * scale)).max().item()
    print(f"{name}: {'right' if worst <= 1 else 'WRONG'}, worst error {worst:.3f} of what rounding can do")
    return worst <= 1


def product(name, a, b, device):
    got = (a.to(device) @ b.to(device)).cpu()
    return bounded(name, got, a.double() @ b.double(), a.double().abs() @ b.double().abs(), a.shape[-1])


def matmul(name, size, torch, device):
    return product(name, torch.randn(size, size), torch.randn(size, size), device)


def batched(name, torch, device):
    return product(name, torch.randn(8, 64, 96), torch.randn(8, 96, 48), device)


def conv2d(name, torch, device):
    image, kernel = torch.randn(2, 3, 32, 32), torch.randn(8, 3, 3, 3)
    convolve = torch.nn.functional.conv2d
    got = convolve(image.to(device), kernel.to(device), padding=1)
    want = convolve(image.double(), kernel.double(), padding=1)
    scale = convolve(image.double().abs(), kernel.double().abs(), padding=1)
    # A library may choose a transform (Winograd, FFT), whose error is a small multiple of the plain sum's.
    return bounded(name, got, want, scale * 16, 27)


def train(name, torch, device):
    """One step of gradient descent on a linear layer, and the loss goes down as in double precision."""

    def step(dtype, where):
        x, y = data[0].to(where, dtype), data[1].to(where, dtype)
        w = data[2].to(where, dtype).requires_grad_()
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            after = ((x @ (w - 0.1 * w.grad) - y) ** 2).mean()
        return loss.item(), after.item()

    data = torch.randn(64, 16), torch.randn(64, 4), torch.randn(16, 4)
    got, want = step(torch.float32, device), step(torch.float64, "cpu")
    right = all(abs(g - w) <= 1e-4 * abs(w) for g, w in zip(got, want)) and got[1] < got[0]
    print(f"{name}: {'right' if right else 'WRONG'}, loss {got[0]:.6f} to {got[1]:.6f}, on the CPU {want[0]:.6f} to {want[1]:.6f}")
    return right


def timed(torch, device, seconds):
    """Microseconds for a 128x128 matmul, over the given time; a line for `xdoctor overhead --metric`."""
    a, b = (torch.randn(128, 128, device=device) for _ in range(2))
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for _ in range(100):
            a @ b
        torch.cuda.synchronize()
        count += 100
    print(f"matmul: {(time.perf_counter() - begun) / count * 1e6:.2f} us")


def version(torch):
    print(f"version: PyTorch {torch.__version__}")
    return True


def hip(torch):
    if not torch.version.hip:
        skip(f"PyTorch {torch.__version__} is built for CUDA {torch.version.cuda}, not for HIP")
    print(f"hip: HIP {torch.version.hip}")
    return True


def main(words):
    seconds = float(words.pop(words.index("--seconds") + 1)) if "--seconds" in words else 0
    names = [word for word in words if word != "--seconds"]
    operations = {
        "matmul-128": lambda name: matmul(name, 128, torch, "cuda"),
        "matmul-1024": lambda name: matmul(name, 1024, torch, "cuda"),
        "batched": lambda name: batched(name, torch, "cuda"),
        "conv2d": lambda name: conv2d(name, torch, "cuda"),
        "train": lambda name: train(name, torch, "cuda"),
    }
    unknown = [name for name in names if name not in {"version", "hip", "device", "all", *operations}]
    if unknown or not names:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        import torch
    except ImportError as error:
        skip(f"torch is missing: {error}")
    results = {}
    for name in [each for name in names for each in ([*operations] if name == "all" else [name])]:
        if name == "version":
            results[name] = version(torch)
        elif name == "hip":
            results[name] = hip(torch)
        else:
            if not torch.cuda.is_available():
                skip(f"no device: torch.cuda.is_available() is False (PyTorch {torch.__version__})")
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
            torch.manual_seed(1)
            if name == "device":
                print(f"device: {torch.cuda.get_device_name(0)}, one of {torch.cuda.device_count()}")
                results[name] = True
            else:
                results[name] = operations[name](name)
    if seconds:
        timed(torch, "cuda", seconds)
    print(json.dumps(results))
    sys.exit(0 if all(results.values()) else 1)


main(sys.argv[1:])
