# SPDX-License-Identifier: Apache-2.0
"""Objects and files elsewhere: S3, and the file systems of fsspec."""
