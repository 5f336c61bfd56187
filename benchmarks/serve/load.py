"""Throughput and latency of the service against concurrency, and its memory over many requests."""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import httpx
from _service import PICTURE, Service, machine, save, serving

from salgan import models

CONCURRENCY = (1, 2, 4, 8, 16, 32, 64)


def main() -> None:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lite", help="a model's name or an ONNX file")
    parser.add_argument("--seconds", type=float, default=10, help="per level of concurrency")
    parser.add_argument("--requests", type=int, default=5000, help="for the memory")
    parser.add_argument("--workers", type=int, default=1, help="processes of the service")
    options = parser.parse_args()
    picture = PICTURE.read_bytes()
    before = in_process(options.model, picture, options.seconds)
    with serving(options.model, "--workers", str(options.workers)) as service:
        levels = [asyncio.run(level(service, picture, many, options.seconds)) for many in CONCURRENCY]
        memory = asyncio.run(memory_over(service, picture, options.requests))
    after = in_process(options.model, picture, options.seconds)
    print(f"in process, one after the other: {before:.1f} and {after:.1f} pictures/s", file=sys.stderr)
    for each in levels:
        # What else the machine does may slow one of them down; the faster one is the harder measure.
        each["of the library in process"] = round(each["answers per second"] / max(before, after), 2)
    save(
        "serve-load.json" if options.workers == 1 else f"serve-load-{options.workers}-workers.json",
        {
            "date": date.today().isoformat(),
            "machine": machine(),
            "model": Path(options.model).name,
            "workers": options.workers,
            "request": f"POST /v1/predict?output=json, {PICTURE.name}, {len(picture)} bytes",
            "seconds per level": options.seconds,
            "library in process, pictures per second": [round(before, 2), round(after, 2)],
            "levels": levels,
            "memory": memory,
        },
    )


def in_process(model: str, picture: bytes, seconds: float) -> float:
    """Pictures per second of the library itself: what the service is measured against."""
    predictor = models.load_model(model)
    predictor.predict(picture)
    count, start = 0, time.perf_counter()
    while (gone := time.perf_counter() - start) < seconds:
        predictor.predict(picture)
        count += 1
    return count / gone


async def level(service: Service, picture: bytes, concurrency: int, seconds: float) -> dict[str, object]:
    """Keep so many requests under way for some time; each client waits as long as a 503 tells it to."""
    waits: list[float] = []
    statuses: Counter[int | str] = Counter()
    post = {"url": "/v1/predict?output=json", "content": picture, "headers": {"Content-Type": "image/jpeg"}}
    end = time.perf_counter() + seconds

    async def one_client() -> None:
        # With a connection of its own: in a pool that all share, one would wait for another.
        async with httpx.AsyncClient(base_url=service.url, timeout=60, verify=False) as client:  # noqa: S501
            while (start := time.perf_counter()) < end:
                try:
                    response = await client.post(**post)
                except (httpx.ReadError, httpx.RemoteProtocolError):
                    # After a pause, the server may end a connection just as it is used again.
                    statuses["connection closed"] += 1
                    continue
                statuses[response.status_code] += 1
                if response.status_code == 200:
                    waits.append(time.perf_counter() - start)
                else:
                    await asyncio.sleep(min(float(response.headers.get("retry-after", 1)), seconds))

    start, own = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_client() for _ in range(concurrency)))
    gone, own = time.perf_counter() - start, time.process_time() - own
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    result = {
        "concurrency": concurrency,
        "answers per second": round(len(waits) / gone, 2),
        "p50 ms": round(1000 * cuts[49], 1),
        "p95 ms": round(1000 * cuts[94], 1),
        "p99 ms": round(1000 * cuts[98], 1),
        "statuses": {str(status): count for status, count in statuses.items()},
        "clients' share of the processor": round(own / gone / (os.cpu_count() or 1), 2),
        "resident MB": round(service.family_megabytes()),
    }
    print(result, file=sys.stderr)
    return result


async def memory_over(service: Service, picture: bytes, requests: int) -> dict[str, object]:
    """Resident memory while many requests pass, four at a time; overlays, maps and shares in turn."""
    queries = ("output=json&box=a:0.1,0.1,0.5,0.5", "output=npy", "output=png8", "output=overlay")
    checks: list[tuple[int, float]] = []
    statuses: Counter[int] = Counter()
    every = max(1, requests // 20)
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
        for start in range(0, requests, every):
            numbers = iter(range(start, min(start + every, requests)))

            async def one_client(numbers=numbers) -> None:
                for number in numbers:
                    path = f"/v1/predict?{queries[number % len(queries)]}"
                    response = await client.post(
                        path, content=picture, headers={"Content-Type": "image/jpeg"}
                    )
                    statuses[response.status_code] += 1

            await asyncio.gather(*(one_client() for _ in range(4)))
            checks.append((min(start + every, requests), round(service.family_megabytes(), 1)))
            print("memory", checks[-1], file=sys.stderr)
    half = [megabytes for _, megabytes in checks[len(checks) // 2 :]]
    return {
        "requests": requests,
        "statuses": dict(statuses),
        "resident MB after so many requests": checks,
        "spread over the second half, MB": round(max(half) - min(half), 1),
    }


if __name__ == "__main__":
    main()
