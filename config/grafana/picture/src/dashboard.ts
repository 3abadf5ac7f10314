/** The dashboard's file, read when the page is built, and what of it the page uses. */

import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

import file from '../../ei-relay.json';

/** A query of a panel. `expr` is PromQL with Grafana's variables in it. */
export interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  instant: boolean;
  format: string;
  interval?: string;
}

/** A panel, or a row's heading (`type` "row", without targets). */
export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  fieldConfig?: FieldConfigSource;
  options?: Record<string, unknown>;
  transformations?: DataTransformerConfig[];
  interval?: string;
}

/** A choice of label values; "All" stands for `allValue`. */
export interface Variable {
  name: string;
  type: string;
  label: string;
  allValue?: string;
}

export interface Dashboard {
  title: string;
  panels: Panel[];
  templating: { list: Variable[] };
}

export const dashboard = file as unknown as Dashboard;
