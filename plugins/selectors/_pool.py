"""What a selector may count on in a pool, looked at before anything is worked out from it."""

from __future__ import annotations

from insgen import Pool, StageError

_NORM_SLACK = 1e-3  # a vector further than this from norm 1 was never normalised


def check_pool(pool: Pool, selector: str) -> None:
    """Refuse a pool that cannot be ranked.

    :param selector: who refuses, for the message.
    :raises StageError: vectors and qualities are not one per candidate, a vector is not finite or not of L2 norm 1, a
        quality is missing or not finite, or a candidate stands in the pool twice.
    """
    import numpy as np

    n = len(pool.candidates)
    if pool.vectors.ndim != 2 or len(pool.vectors) != n or pool.quality.shape != (n,) or not 0 <= pool.n_members <= n:
        raise StageError(
            f"{selector}: {n} candidates, of them {pool.n_members} members, with vectors of shape {pool.vectors.shape} "
            f"and qualities of shape {pool.quality.shape}.\n"
            "  Expected one row of the vectors and one quality for each.\n"
            "  Hand the selector a pool that is whole."
        )
    norms = np.sqrt(np.einsum("ij,ij->i", pool.vectors, pool.vectors, dtype=np.float64))
    faults = (
        (
            "no vector of L2 norm 1",
            ~(np.abs(norms - 1.0) <= _NORM_SLACK),
            norms,
            "embed it again",
        ),
        ("no finite quality", ~np.isfinite(pool.quality), pool.quality, "score it, or leave it out"),
    )
    for fault, wrong, measured, cure in faults:
        if wrong.any():
            row = int(wrong.argmax())
            raise StageError(
                f"{selector}: {pool.candidates[row].id} has {fault}, but {measured[row]:.6g}; so have "
                f"{int(wrong.sum()) - 1} others of {n}.\n"
                "  Expected finite vectors of norm 1 and a quality for every candidate.\n"
                f"  Find out where it comes from with `insgen why {pool.candidates[row].id}`, and {cure}."
            )
    places: dict[str, int] = {}
    for row, candidate in enumerate(pool.candidates):
        if places.setdefault(candidate.id, row) != row:
            raise StageError(
                f"{selector}: {candidate.id} stands in the pool twice, at places {places[candidate.id]} and {row}.\n"
                "  Expected every candidate once.\n"
                "  Leave the second one out; the filter exact_duplicate does so within a round."
            )
