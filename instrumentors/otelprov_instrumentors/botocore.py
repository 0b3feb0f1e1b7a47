# SPDX-License-Identifier: Apache-2.0
"""Objects of S3: through botocore, boto3 and aiobotocore, one by one and by managed transfers.

Every call of every client, however it was made and whatever its endpoint, goes through `_make_api_call`. botocore's own
events would do for calls alone: their handlers are per client, and see no body that is not yet an HTTP request.
"""

from __future__ import annotations

from otelprov.capture.remote import s3_transfers
from otelprov.capture.remote.s3 import api_call
from otelprov.capture.tables.table_io import aside
from otelprov.instrumentation import Instrumentor, Patch

_TRANSFERS = {
    "upload_file": s3_transfers.uploading,
    "upload_fileobj": s3_transfers.uploading_from,
    "download_file": s3_transfers.downloading,
    "download_fileobj": s3_transfers.downloading_into,
    "copy": s3_transfers.copying,
}
_AWAITED_BODIES = ("AioStreamingBody", "AioHttpxStreamingBody", "StreamingBody")


class BotocoreInstrumentor(Instrumentor):
    """Records which objects of S3 are read, written, copied, deleted and listed."""

    library = "botocore"
    distribution = "botocore"
    versions = ">=1.34,<2"
    patches = (
        # Inside other captured calls, it only hears what the store answers.
        Patch("botocore.client", "BaseClient._make_api_call", api_call, nested=True),
        Patch("aiobotocore.client", "AioBaseClient._make_api_call", api_call, nested=True),
        Patch("botocore.response", "StreamingBody.read", follow=s3_transfers.body_read),
        *(Patch("aiobotocore.response", f"{body}.read", s3_transfers.body_awaited) for body in _AWAITED_BODIES),
        *(Patch("boto3.s3.inject", name, capture) for name, capture in _TRANSFERS.items()),
        # Done in threads that know nothing of the call.
        Patch("s3transfer.tasks", "Task.__call__", aside),
    )
