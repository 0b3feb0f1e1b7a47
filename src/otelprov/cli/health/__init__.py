# SPDX-License-Identifier: Apache-2.0
"""What `otelprov doctor` looks at, one module per area."""
