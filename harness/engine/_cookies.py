"""Cookies of one session with one service: what it sets comes back with the next request.

Enough for a login: name, value, Path, Max-Age=0 and Expires in the past. Domain and Secure are
not looked at, since a session talks to one origin.
"""

import email.utils
import time
from http.cookies import CookieError, SimpleCookie


class Cookies:
    """`kept` holds values by path and name; it is empty until the service sets one."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def take(self, set_cookie: str) -> None:
        """Keep or forget what one `Set-Cookie` header says; nonsense is left out."""
        try:
            parsed = SimpleCookie(set_cookie)
        except CookieError:
            return
        for name, morsel in parsed.items():
            key = (morsel["path"] or "/", name)
            if _is_over(morsel["max-age"], morsel["expires"]):
                self.kept.pop(key, None)
            else:
                self.kept[key] = morsel.coded_value

    def header_for(self, path: str) -> str:
        """The value of `Cookie` for a path; empty where none applies.

        >>> cookies = Cookies()
        >>> cookies.take("session=abc; Path=/; HttpOnly")
        >>> cookies.header_for("/api/cases")
        'session=abc'
        """
        return "; ".join(
            f"{name}={value}" for (place, name), value in self.kept.items() if _covers(place, path)
        )


def _covers(place: str, path: str) -> bool:
    return path == place or path.startswith(place if place.endswith("/") else f"{place}/")


def _is_over(max_age: str, expires: str) -> bool:
    if max_age:
        return not max_age.isdigit() or int(max_age) == 0
    if not expires:
        return False
    try:
        return email.utils.parsedate_to_datetime(expires).timestamp() <= time.time()
    except (TypeError, ValueError):
        return False
