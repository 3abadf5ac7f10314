/** One look at a panel's data: its queries asked, its transformations and field settings applied. */

import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  type DataFrame,
  type FieldConfigSource,
  getDefaultTimeRange,
  type GrafanaTheme2,
  LoadingState,
  type PanelData,
  type PanelPlugin,
  rangeUtil,
  type TimeRange,
  transformDataFrame,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';

import type { Panel } from './dashboard';
import { interpolate, stepSeconds } from './interval';
import { ask } from './prometheus';
import type { Request } from './request';

export const TIME_ZONE = 'browser';

/** What a panel is drawn from. */
export interface Look {
  data: PanelData;
  range: TimeRange;
}

export const NOTHING_YET: Look = {
  data: { state: LoadingState.Loading, series: [], timeRange: getDefaultTimeRange() },
  range: getDefaultTimeRange(),
};

/** Ask for `panel`, to be drawn `width` pixels wide. Throws Error, in words fit to be shown. */
export async function look(
  panel: Panel,
  plugin: PanelPlugin,
  fieldConfig: FieldConfigSource,
  request: Request,
  range: TimeRange,
  width: number,
  theme: GrafanaTheme2,
): Promise<Look> {
  const replace = (text: string) => text;
  const scrape = rangeUtil.intervalToSeconds(request.scrape);
  const targets = panel.targets ?? [];
  const asked = targets.map((target) => {
    const step = stepSeconds(range, width, target.interval ?? panel.interval ?? request.scrape);
    const expr = interpolate(target.expr, request.chosen, range, step, scrape);
    return ask(request.prometheus, { ...target, expr }, range, step);
  });
  const raw = named(await Promise.all(asked));
  const transformed = await firstValueFrom(
    transformDataFrame(panel.transformations ?? [], raw, { interpolate: replace }),
  );
  const series = applyFieldOverrides({
    data: transformed,
    fieldConfig,
    fieldConfigRegistry: plugin.fieldConfigRegistry,
    replaceVariables: replace,
    theme,
    timeZone: TIME_ZONE,
  });
  cacheFieldDisplayNames(series);
  return { data: { state: LoadingState.Done, series, timeRange: range }, range };
}

/** The figures of a table's only query are called Value, those of several Value #A and so on. */
function named(answers: DataFrame[][]): DataFrame[] {
  const frames = answers.flat();
  if (answers.length === 1) {
    for (const field of frames.flatMap((frame) => frame.fields)) {
      field.name = field.name.replace(/^Value #\w+$/, 'Value');
    }
  }
  return frames;
}
