"""`{port}` and `{NAME.port}` in texts of the file."""

import re

#: `{port}` is the service's own port, `{NAME.port}` that of the service NAME.
PLACEHOLDER = re.compile(r"\{(?:(?P<service>[A-Za-z0-9_-]+)\.)?port\}")
