-- SPDX-License-Identifier: Apache-2.0
-- Facts as they were told; every one keeps its run and its time.
CREATE TABLE position (source TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE process (
  run_id TEXT NOT NULL, process_id TEXT NOT NULL,
  seen TEXT NOT NULL DEFAULT '', records INTEGER NOT NULL DEFAULT 0, last_sign INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, process_id)) WITHOUT ROWID;

CREATE TABLE life (
  trace_id TEXT NOT NULL, span_id TEXT NOT NULL, place INTEGER NOT NULL,
  run_id TEXT NOT NULL, process_id TEXT NOT NULL, kind TEXT NOT NULL, time INTEGER NOT NULL, seq INTEGER NOT NULL,
  run_name TEXT NOT NULL, details TEXT NOT NULL,
  PRIMARY KEY (trace_id, span_id, place)) WITHOUT ROWID;
CREATE INDEX life_run ON life (run_id);

CREATE TABLE step (
  trace_id TEXT NOT NULL, span_id TEXT NOT NULL,
  run_id TEXT NOT NULL, process_id TEXT NOT NULL, parent_step TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL,
  "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, error TEXT NOT NULL,
  code_file TEXT NOT NULL, code_line INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID;
CREATE INDEX step_run ON step (run_id, "start");

CREATE TABLE module (
  trace_id TEXT NOT NULL, span_id TEXT NOT NULL, place INTEGER NOT NULL,
  run_id TEXT NOT NULL, process_id TEXT NOT NULL, name TEXT NOT NULL, importer TEXT NOT NULL, style TEXT NOT NULL,
  digest TEXT NOT NULL, file TEXT NOT NULL, purl TEXT NOT NULL, count INTEGER NOT NULL, duration REAL NOT NULL,
  "start" INTEGER NOT NULL, seq INTEGER NOT NULL, error TEXT NOT NULL,
  PRIMARY KEY (trace_id, span_id, place)) WITHOUT ROWID;
CREATE INDEX module_run ON module (run_id, "start");

CREATE TABLE statement (
  trace_id TEXT NOT NULL, span_id TEXT NOT NULL,
  run_id TEXT NOT NULL, process_id TEXT NOT NULL, text TEXT NOT NULL, system TEXT NOT NULL, namespace TEXT NOT NULL,
  parser TEXT NOT NULL, "start" INTEGER NOT NULL,
  PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID;
CREATE INDEX statement_run ON statement (run_id);

-- head, node, hidden, scope and via_run are found by derivation, and made anew with it.
CREATE TABLE fact (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL, process_id TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL,
  relation TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, version TEXT NOT NULL,
  format TEXT NOT NULL, temporary INTEGER NOT NULL, operation TEXT NOT NULL, accumulates INTEGER NOT NULL,
  parent_id TEXT NOT NULL, step_id TEXT NOT NULL, "start" INTEGER NOT NULL, "end" INTEGER NOT NULL,
  seq INTEGER NOT NULL, code_file TEXT NOT NULL, code_line INTEGER NOT NULL, "rows" INTEGER NOT NULL,
  columns INTEGER NOT NULL, size INTEGER NOT NULL, flow_complete INTEGER NOT NULL, evidence TEXT NOT NULL,
  source_trace TEXT NOT NULL, source_span TEXT NOT NULL,
  head INTEGER NOT NULL DEFAULT 0, node TEXT NOT NULL DEFAULT '', hidden INTEGER NOT NULL DEFAULT 0,
  scope TEXT NOT NULL DEFAULT '', via_run INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX fact_key ON fact (span_id, trace_id, relation, name, namespace);
CREATE INDEX fact_run ON fact (run_id, relation, "start");
CREATE INDEX fact_name ON fact (name, namespace, relation, "end");
CREATE INDEX fact_use ON fact (name, namespace, relation, "start");
CREATE INDEX fact_node ON fact (node);
CREATE INDEX fact_head ON fact (head);

CREATE TABLE derived (
  output INTEGER NOT NULL, input INTEGER NOT NULL, evidence TEXT NOT NULL, shown_by INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (output, input)) WITHOUT ROWID;
CREATE INDEX derived_input ON derived (input);
CREATE INDEX derived_run ON derived (run_id);

CREATE TABLE entity (
  namespace TEXT NOT NULL, name TEXT NOT NULL, short TEXT NOT NULL, type TEXT NOT NULL,
  PRIMARY KEY (namespace, name)) WITHOUT ROWID;
CREATE INDEX entity_name ON entity (name);
CREATE INDEX entity_short ON entity (short);

-- A function of the facts above and of the verdicts, made anew whenever one of them arrives.
CREATE TABLE run (
  run_id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT 'running',
  started INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0, exit_code INTEGER,
  signal TEXT NOT NULL DEFAULT '', error_type TEXT NOT NULL DEFAULT '',
  "user" TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '', command TEXT NOT NULL DEFAULT '',
  params TEXT NOT NULL DEFAULT '{}', code_file TEXT NOT NULL DEFAULT '', working_directory TEXT NOT NULL DEFAULT '',
  trace_id TEXT NOT NULL DEFAULT '', last_sign INTEGER NOT NULL DEFAULT 0,
  missing TEXT NOT NULL DEFAULT '[]', left_out TEXT NOT NULL DEFAULT '[]', stale INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX run_started ON run (started);
CREATE INDEX run_name ON run (name, started);
CREATE INDEX run_stale ON run (run_id) WHERE stale = 1;

CREATE TABLE dead_process (process_id TEXT PRIMARY KEY, noticed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE silence (run_id TEXT PRIMARY KEY, noticed INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE conflict (
  "table" TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY ("table", trace_id, span_id, content)) WITHOUT ROWID;
