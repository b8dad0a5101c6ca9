"""What `awkward_users.py` calls its requests, and its errors."""

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
ENDPOINTS = 1000
