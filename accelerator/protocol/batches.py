"""A batch of records as bytes, and the digest that names bytes."""

import hashlib
import io

import pyarrow as pa


def encode_batch(table: pa.Table) -> bytes:
    """One batch as an Arrow IPC stream, zstd-compressed."""
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def decode_batch(data: bytes) -> pa.Table:
    """The table in a batch's bytes. Raises `pyarrow.ArrowInvalid` for anything else."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


def digest(data: bytes) -> str:
    """SHA-256 in hex: how the manifest and the signature name bytes."""
    return hashlib.sha256(data).hexdigest()
