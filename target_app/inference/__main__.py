"""Entry of `python -m target_app.inference`."""

from target_app.inference._server import main

raise SystemExit(main())
