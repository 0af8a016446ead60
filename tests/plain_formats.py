"""A plugin before all others: reading notebooks need not learn what an address in any script looks like.

Where ``rfc3987_syntax`` is installed, ``jsonschema`` builds 38 grammars of it when it is imported, which takes each
process of the tests two seconds; the schema of a notebook asks for none of them.
"""

import sys
from typing import Any

loaded: dict[str, Any] = sys.modules  # type: ignore[assignment]
loaded.setdefault("rfc3987_syntax", None)
