"""The schema, one step at a time; a released step is never edited.

Flows in: a `sqlite_utils.Database`. Flows out: tables and views of the newest schema. `user_version` counts the
steps, so that a reader knows without sqlite-utils whether it can read the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

SCHEMA_VERSION = 1
"""How many steps there are; the newest ``user_version``."""

APPLICATION_ID = 0x696E7367
"""Marks an SQLite file as insgen's (`PRAGMA application_id`): "insg" in ASCII."""

_M001 = """
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, started_utc TEXT NOT NULL, finished_utc TEXT, reason TEXT,
  config TEXT NOT NULL, config_hash TEXT NOT NULL, plugins TEXT NOT NULL);

CREATE TABLE rounds (
  round INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id),
  finished_utc TEXT NOT NULL, duration_ms INTEGER NOT NULL,
  proposed INTEGER NOT NULL, repeated INTEGER NOT NULL, unreadable INTEGER NOT NULL, rejected INTEGER NOT NULL,
  unanswered INTEGER NOT NULL, unscored INTEGER NOT NULL, kept INTEGER NOT NULL, deferred INTEGER NOT NULL,
  admitted INTEGER NOT NULL, evicted INTEGER NOT NULL, members INTEGER NOT NULL);

CREATE TABLE positions (
  round INTEGER NOT NULL, stage TEXT NOT NULL, ordinal INTEGER NOT NULL, name TEXT NOT NULL,
  position TEXT NOT NULL, exhausted INTEGER NOT NULL, PRIMARY KEY (round, stage, ordinal));

CREATE TABLE calls (
  id TEXT PRIMARY KEY, run_id INTEGER NOT NULL, round INTEGER NOT NULL, stage TEXT NOT NULL, ordinal INTEGER NOT NULL,
  model TEXT NOT NULL, params TEXT NOT NULL, messages TEXT NOT NULL, prompt_hash TEXT NOT NULL,
  seed_ids TEXT NOT NULL,
  reserved_usd REAL, reserved_tokens INTEGER, lost_usd REAL NOT NULL, lost_tokens INTEGER NOT NULL,
  lost_calls INTEGER NOT NULL,
  cost_usd REAL, prompt_tokens INTEGER, completion_tokens INTEGER, answer TEXT, logprobs TEXT, finish_reason TEXT,
  attempts INTEGER NOT NULL, duration_ms INTEGER, error TEXT, finished_utc TEXT);
CREATE INDEX calls_round ON calls(round, stage, ordinal);

CREATE TABLE arrivals (
  id INTEGER PRIMARY KEY, added_utc TEXT NOT NULL, source TEXT NOT NULL, options TEXT NOT NULL,
  n_rows INTEGER NOT NULL, n_unreadable INTEGER NOT NULL);

CREATE TABLE candidates (
  id TEXT PRIMARY KEY, text_key TEXT NOT NULL, instruction TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL,
  turns TEXT NOT NULL, system TEXT NOT NULL, fate TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX candidates_text_key ON candidates(text_key);

CREATE TABLE proposals (
  id INTEGER PRIMARY KEY, candidate_id TEXT NOT NULL REFERENCES candidates(id), round INTEGER,
  arrival_id INTEGER REFERENCES arrivals(id), first INTEGER NOT NULL, generator TEXT NOT NULL, source TEXT,
  line_start INTEGER, line_end INTEGER, licence TEXT, call_id TEXT, seed_ids TEXT NOT NULL, kind TEXT,
  version TEXT NOT NULL DEFAULT '');
CREATE INDEX proposals_candidate ON proposals(candidate_id);
CREATE INDEX proposals_waiting ON proposals(arrival_id, id) WHERE round IS NULL;
CREATE INDEX proposals_round ON proposals(round);

CREATE TABLE unreadable (
  id INTEGER PRIMARY KEY, round INTEGER, arrival_id INTEGER, source TEXT NOT NULL, line INTEGER, reason TEXT NOT NULL);

CREATE TABLE verdicts (
  candidate_id TEXT NOT NULL, round INTEGER NOT NULL, ordinal INTEGER NOT NULL, filter TEXT NOT NULL,
  version TEXT NOT NULL,
  kept INTEGER NOT NULL, measure TEXT NOT NULL, value REAL, unit TEXT NOT NULL, limit_value REAL, neighbour TEXT,
  reason TEXT NOT NULL, PRIMARY KEY (candidate_id, round, ordinal)) WITHOUT ROWID;

CREATE TABLE answers (
  candidate_id TEXT NOT NULL, round INTEGER NOT NULL, responder TEXT NOT NULL, version TEXT NOT NULL,
  input TEXT NOT NULL, output TEXT, call_id TEXT, reason TEXT NOT NULL,
  PRIMARY KEY (candidate_id, round)) WITHOUT ROWID;

CREATE TABLE scores (
  candidate_id TEXT NOT NULL, round INTEGER NOT NULL, ordinal INTEGER NOT NULL, scorer TEXT NOT NULL,
  version TEXT NOT NULL,
  value REAL, low REAL NOT NULL, high REAL NOT NULL, weight REAL NOT NULL, parts TEXT NOT NULL, reason TEXT NOT NULL,
  call_id TEXT, PRIMARY KEY (candidate_id, round, ordinal)) WITHOUT ROWID;

CREATE TABLE kept (
  id INTEGER PRIMARY KEY, candidate_id TEXT NOT NULL UNIQUE REFERENCES candidates(id), round INTEGER NOT NULL,
  quality REAL);

CREATE TABLE signals (
  id INTEGER PRIMARY KEY, candidate_id TEXT NOT NULL, round INTEGER NOT NULL, name TEXT NOT NULL, value REAL NOT NULL,
  source TEXT NOT NULL, version TEXT NOT NULL, text TEXT NOT NULL, time REAL NOT NULL);
CREATE UNIQUE INDEX signals_key ON signals(candidate_id, text, name, source);

CREATE TABLE vectors (
  candidate_id TEXT NOT NULL, model TEXT NOT NULL, round INTEGER NOT NULL, dimension INTEGER NOT NULL,
  vector BLOB NOT NULL,
  PRIMARY KEY (candidate_id, model));

CREATE TABLE members (
  candidate_id TEXT PRIMARY KEY REFERENCES candidates(id), rank INTEGER NOT NULL, diversity REAL NOT NULL,
  quality REAL NOT NULL, utility REAL NOT NULL, since_version INTEGER NOT NULL);

CREATE TABLE bank_versions (
  version INTEGER PRIMARY KEY, round INTEGER, made_utc TEXT NOT NULL, action TEXT NOT NULL, selector TEXT NOT NULL,
  selector_version TEXT NOT NULL, model TEXT NOT NULL, size INTEGER NOT NULL, members INTEGER NOT NULL,
  admitted INTEGER NOT NULL, evicted INTEGER NOT NULL, state TEXT NOT NULL);

CREATE TABLE bank_events (
  version INTEGER NOT NULL REFERENCES bank_versions(version), candidate_id TEXT NOT NULL, event TEXT NOT NULL,
  rank INTEGER, diversity REAL, quality REAL, utility REAL, PRIMARY KEY (version, candidate_id)) WITHOUT ROWID;
CREATE INDEX bank_events_candidate ON bank_events(candidate_id, version);

CREATE TABLE seeds (
  id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, instruction TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL,
  weight REAL NOT NULL, active INTEGER NOT NULL, pinned INTEGER NOT NULL, dropped INTEGER NOT NULL);
CREATE TABLE seed_events (
  id INTEGER PRIMARY KEY, round INTEGER NOT NULL, seed_id TEXT NOT NULL, event TEXT NOT NULL, reason TEXT NOT NULL,
  evidence TEXT NOT NULL);

CREATE TABLE seed_notes (
  round INTEGER PRIMARY KEY, policy TEXT NOT NULL, notes TEXT NOT NULL);

CREATE TABLE feedback_step (
  run_id TEXT NOT NULL, step INTEGER NOT NULL, round INTEGER NOT NULL, loss REAL, grad_norm REAL,
  grad_norm_kind TEXT NOT NULL,
  max_grad_norm REAL, lr REAL, n_target_tokens INTEGER, trainable_params INTEGER, time REAL NOT NULL,
  digest TEXT NOT NULL, PRIMARY KEY (run_id, step));
CREATE TABLE feedback_item (
  run_id TEXT NOT NULL, step INTEGER NOT NULL, micro INTEGER NOT NULL, pos INTEGER NOT NULL,
  instruction_id TEXT NOT NULL,
  loss REAL, PRIMARY KEY (run_id, step, micro, pos)) WITHOUT ROWID;

CREATE TABLE work (
  run_id INTEGER NOT NULL, round INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, plugin TEXT NOT NULL,
  distribution TEXT NOT NULL, version TEXT NOT NULL, calls INTEGER NOT NULL, duration_ms REAL NOT NULL,
  PRIMARY KEY (run_id, round, kind, name));
CREATE TABLE failures (
  id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL, round INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  plugin TEXT NOT NULL, distribution TEXT NOT NULL, version TEXT NOT NULL, action TEXT NOT NULL, error TEXT NOT NULL);
CREATE TABLE failed_candidates (
  failure_id INTEGER NOT NULL REFERENCES failures(id), candidate_id TEXT NOT NULL,
  PRIMARY KEY (failure_id, candidate_id)) WITHOUT ROWID;
CREATE INDEX failed_candidates_candidate ON failed_candidates(candidate_id);

CREATE VIEW v_bank AS
  SELECT m.rank, m.candidate_id AS id, c.instruction, coalesce(nullif(c.input, ''), a.input, '') AS input,
    coalesce(nullif(c.output, ''), a.output, '') AS output,
    m.diversity, m.quality, m.utility, m.since_version, p.generator, p.source, p.line_start, p.line_end, p.licence
  FROM members m JOIN candidates c ON c.id = m.candidate_id
  LEFT JOIN proposals p ON p.candidate_id = c.id AND p.first = 1
  LEFT JOIN answers a ON a.candidate_id = c.id AND a.output IS NOT NULL
  ORDER BY m.rank;

CREATE VIEW v_fate AS
  SELECT c.id, c.instruction,
    CASE WHEN m.candidate_id IS NOT NULL THEN 'member'
         WHEN k.candidate_id IS NOT NULL
         AND EXISTS (SELECT 1 FROM bank_events e WHERE e.candidate_id = c.id) THEN 'evicted'
         WHEN k.candidate_id IS NOT NULL AND c.fate = 'kept' THEN 'not selected'
         ELSE c.fate END AS fate,
    c.reason, p.round, m.rank, k.quality, p.generator, p.source, p.line_start
  FROM candidates c
  LEFT JOIN proposals p ON p.candidate_id = c.id AND p.first = 1
  LEFT JOIN kept k ON k.candidate_id = c.id
  LEFT JOIN members m ON m.candidate_id = c.id;

CREATE VIEW v_costs AS
  SELECT round, stage, model, count(*) AS calls, sum(answer IS NULL) AS unanswered, sum(attempts) AS attempts,
    sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens, sum(cost_usd) AS cost_usd,
    sum(reserved_usd) AS reserved_usd, sum(lost_usd) AS lost_usd
  FROM calls GROUP BY round, stage, model;

CREATE VIEW v_rounds AS
  SELECT r.round, r.run_id, r.finished_utc, r.duration_ms, r.proposed, r.repeated, r.unreadable, r.rejected,
    r.unanswered, r.unscored, r.kept, r.deferred, r.admitted, r.evicted, r.members FROM rounds r;
"""


def insgen_migrations() -> Migrations:
    """Build the migration set ``insgen``, oldest step first."""
    from sqlite_utils import Migrations

    migrations = Migrations("insgen")

    @migrations()
    def m001_first_schema(db: Database) -> None:
        for statement in _M001.split(";\n"):
            if statement.strip():
                db.conn.execute(statement)

    return migrations
