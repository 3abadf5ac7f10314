/** Prometheus' HTTP API, and its answers as Grafana's data frames. */

import { type DataFrame, FieldType, type Labels, renderLegendFormat, type TimeRange } from '@grafana/data';

import type { Target } from './dashboard';

type Sample = [seconds: number, value: string];

interface Series {
  metric: Labels;
  value?: Sample;
  values?: Sample[];
}

const PATIENCE_MS = 20_000;

/** The frames of one query, whose `expr` is ready to be asked; `step` in seconds. Throws Error with Prometheus' words. */
export async function ask(prometheus: string, target: Target, range: TimeRange, step: number): Promise<DataFrame[]> {
  const from = range.from.valueOf() / 1000;
  const to = range.to.valueOf() / 1000;
  const moments: Record<string, string> = target.instant
    ? { time: `${to}` }
    : { start: `${Math.floor(from / step) * step}`, end: `${Math.floor(to / step) * step}`, step: `${step}` };
  const series = await get(prometheus, target.instant ? 'query' : 'query_range', { query: target.expr, ...moments });
  return target.format === 'table' ? table(target, series) : series.map((each) => graph(target, each, step));
}

async function get(prometheus: string, what: string, asked: Record<string, string>): Promise<Series[]> {
  let answer;
  try {
    const body = new URLSearchParams(asked);
    answer = await fetch(`${prometheus}/api/v1/${what}`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new Error(`Prometheus at ${prometheus} does not answer: ${(error as Error).message}`);
  }
  const told = await answer.json().catch(() => ({ error: `HTTP ${answer.status} without JSON` }));
  if (told.status !== 'success') {
    throw new Error(`Prometheus: ${told.error}`);
  }
  return told.data.resultType === 'scalar' ? [{ metric: {}, value: told.data.result }] : told.data.result;
}

function samplesOf(series: Series): Sample[] {
  return series.values ?? (series.value ? [series.value] : []);
}

/** A frame of times and values, named by the legend. */
function graph(target: Target, series: Series, step: number): DataFrame {
  const samples = samplesOf(series);
  const { __name__: name, ...labels } = series.metric;
  const legend = target.legendFormat
    ? renderLegendFormat(target.legendFormat, series.metric)
    : `${name ?? ''}{${Object.entries(labels)
        .map(([key, value]) => `${key}="${value}"`)
        .join(', ')}}`;
  return {
    refId: target.refId,
    name: legend,
    length: samples.length,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        config: { interval: step * 1000 },
        values: samples.map(([at]) => at * 1000),
      },
      {
        name: 'Value',
        type: FieldType.number,
        labels,
        config: { displayNameFromDS: legend },
        values: samples.map(([, value]) => numeric(value)),
      },
    ],
  };
}

/** One frame for all series: a row each, a column for each label. */
function table(target: Target, series: Series[]): DataFrame[] {
  const rows = series.flatMap((each) => samplesOf(each).map((sample) => ({ labels: each.metric, sample })));
  const names = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))].sort();
  return [
    {
      refId: target.refId,
      length: rows.length,
      fields: [
        { name: 'Time', type: FieldType.time, config: {}, values: rows.map(({ sample }) => sample[0] * 1000) },
        ...names.map((name) => ({
          name,
          type: FieldType.string,
          config: {},
          values: rows.map(({ labels }) => labels[name] ?? ''),
        })),
        {
          name: `Value #${target.refId}`,
          type: FieldType.number,
          config: {},
          values: rows.map(({ sample }) => numeric(sample[1])),
        },
      ],
    },
  ];
}

function numeric(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}
