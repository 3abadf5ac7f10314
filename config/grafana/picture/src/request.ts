/** What the page's address asks for, and what it shows where it does not say: the last quarter of an hour, live. */

import { dateTime, rangeUtil, type TimeRange } from '@grafana/data';

import type { Dashboard, Variable } from './dashboard';

export interface Request {
  /** The address of Prometheus, without a slash at its end. */
  prometheus: string;
  from: string;
  to: string;
  /** Seconds between two looks; 0: look once. */
  refresh: number;
  /** How often Prometheus scrapes, as Grafana's data source would be told; Grafana's own default. */
  scrape: string;
  /** {variable: what stands for it in a query}. */
  chosen: Record<string, string>;
}

export function read(address: URL, dashboard: Dashboard): Request {
  const asked = address.searchParams;
  return {
    prometheus: (asked.get('prometheus') ?? `${address.protocol}//${address.hostname}:9090`).replace(/\/+$/, ''),
    from: asked.get('from') ?? 'now-15m',
    to: asked.get('to') ?? 'now',
    refresh: Math.max(Number(asked.get('refresh') ?? 10) || 0, 0),
    scrape: asked.get('scrape') ?? '15s',
    chosen: Object.fromEntries(choices(dashboard).map((each) => [each.name, chosenOf(each, asked)])),
  };
}

/** The variables that are label values, so not the choice of data source. */
export function choices(dashboard: Dashboard): Variable[] {
  return dashboard.templating.list.filter((each) => each.type === 'query');
}

/** The range from one moment to another, each as Grafana writes it: `now-15m`, or milliseconds since 1970. */
export function timeRange(request: Request): TimeRange {
  return rangeUtil.convertRawToRange({ from: moment(request.from), to: moment(request.to) });
}

function chosenOf(variable: Variable, asked: URLSearchParams): string {
  const values = asked.getAll(`var-${variable.name}`).filter((value) => value !== '$__all' && value !== 'All');
  if (values.length === 0) {
    return variable.allValue ?? '.*';
  }
  const literal = values.map((value) => value.replace(/[\\^$*+?.()|[\]{}]/g, '\\\\$&'));
  return literal.length === 1 ? literal[0]! : `(${literal.join('|')})`;
}

function moment(text: string) {
  return /^\d+$/.test(text) ? dateTime(Number(text)) : text;
}
