/** Steps, and the variables that depend on them, worked out as Grafana and its Prometheus data source do. */

import { rangeUtil, type TimeRange } from '@grafana/data';

/** Seconds between two points of a query that is drawn `width` pixels wide. */
export function stepSeconds(range: TimeRange, width: number, least: string): number {
  return Math.max(rangeUtil.calculateInterval(range, Math.max(width, 1), least).intervalMs / 1000, 1);
}

/** The query with Grafana's variables replaced. `scrape` is how often Prometheus scrapes, in seconds. */
export function interpolate(
  expr: string,
  chosen: Record<string, string>,
  range: TimeRange,
  step: number,
  scrape: number,
): string {
  const seconds = Math.round((range.to.valueOf() - range.from.valueOf()) / 1000);
  const values: Record<string, string> = {
    ...chosen,
    __rate_interval: `${Math.max(step + scrape, 4 * scrape)}s`,
    __interval: `${step}s`,
    __interval_ms: `${step * 1000}`,
    __range: `${seconds}s`,
    __range_s: `${seconds}`,
    __range_ms: `${seconds * 1000}`,
  };
  return expr.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (whole, braced?: string, bare?: string) => {
    return values[(braced ?? bare)!] ?? whole;
  });
}
