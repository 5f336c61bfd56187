"""The same predictions over many machines: Ray gives out the work, and an actor on each core holds the model.

>>> from salgan.cluster import predict_on_cluster  # doctest: +SKIP
>>> predict_on_cluster(["s3://bucket/photos"], "s3://bucket/maps.parquet", model)  # doctest: +SKIP
"""

import os
import secrets
import sys

from salgan._private import keep_private
from salgan.errors import require

keep_private()  # Ray decides when it is imported whether it reports its use
if "ray" not in sys.modules and not os.environ.get("RAY_ADDRESS"):
    # Ray listens on all of a machine's addresses and does what it is sent. A cluster of our own asks for a
    # token that only its own processes know; this too is decided when Ray is imported.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
for _module in ("ray", "pyarrow"):
    require(_module, "cluster")

from salgan.cluster.engine import cluster, on_cluster  # noqa: E402
from salgan.cluster.job import ClusterResult, is_rows, predict_on_cluster  # noqa: E402
from salgan.cluster.rows import Wanted, parse_wanted  # noqa: E402

__all__ = [
    "ClusterResult",
    "Wanted",
    "cluster",
    "is_rows",
    "on_cluster",
    "parse_wanted",
    "predict_on_cluster",
]
