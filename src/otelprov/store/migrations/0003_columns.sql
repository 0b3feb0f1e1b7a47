-- SPDX-License-Identifier: Apache-2.0
-- Columns: what was told of them with each fact, what a statement's names mean, and the edges that follow from both.
ALTER TABLE fact ADD COLUMN alias TEXT NOT NULL DEFAULT '';
ALTER TABLE fact ADD COLUMN column_names TEXT NOT NULL DEFAULT '';
ALTER TABLE fact ADD COLUMN column_edges TEXT NOT NULL DEFAULT '';
ALTER TABLE fact ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
CREATE INDEX fact_source ON fact (source_span) WHERE source_span <> '';

ALTER TABLE statement ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE statement ADD COLUMN context TEXT NOT NULL DEFAULT '{}';

CREATE TABLE column_edge (
  span_id TEXT NOT NULL, trace_id TEXT NOT NULL,
  output_name TEXT NOT NULL, output_namespace TEXT NOT NULL, output_column TEXT NOT NULL,
  input_name TEXT NOT NULL, input_namespace TEXT NOT NULL, input_column TEXT NOT NULL, how TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (span_id, trace_id, output_name, output_namespace, output_column, input_name, input_namespace,
               input_column, how)) WITHOUT ROWID;
CREATE INDEX column_edge_run ON column_edge (run_id);

UPDATE run SET stale = 1;
