"""Contract tests for plugin authors: what a stage promises, as checks that run on any stage.

In a test module::

    import pytest
    from insgen.testing import Check, Workshop, checks_of

    @pytest.mark.parametrize("check", checks_of(PoliteFilter), ids=str)
    def test_contract(check: Check, workshop: Workshop) -> None:
        check(workshop)

and in ``conftest.py``: ``pytest_plugins = ["insgen.testing.fixtures"]``, which brings the fixtures ``workshop``,
``store``, ``make_candidate``, ``make_bank`` and ``llm_server``. ``insgen plugins test MODULE`` runs the same checks
without a line of test code. Needs the extra ``testing`` (pytest and Hypothesis).
"""

from insgen.testing.checks import checks_of, kind_of
from insgen.testing.contract import Check, Subject
from insgen.testing.workshop import Workshop

__all__ = ["Check", "Subject", "Workshop", "checks_of", "kind_of"]
