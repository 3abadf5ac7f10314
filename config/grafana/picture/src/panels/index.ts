/** The panel types that this page can draw. A test holds the dashboard to them. */

import type { PanelPlugin } from '@grafana/data';

import bargauge from './bargauge';
import stat from './stat';
import stateTimeline from './state-timeline';
import table from './table';
import timeseries from './timeseries';

export const PLUGINS: Record<string, PanelPlugin> = {
  bargauge: bargauge,
  stat: stat,
  'state-timeline': stateTimeline,
  table: table,
  timeseries: timeseries,
};
