/**
 * What each series was, over time: a bar for each, coloured by its value.
 *
 * Grafana keeps its own state timeline in its application. This one is drawn with the chart, axes and legend of its
 * libraries, and knows the options of the dashboard, which are Grafana's.
 */

import {
  type DataFrame,
  type Field,
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  type PanelProps,
} from '@grafana/data';
import {
  AxisPlacement,
  LegendDisplayMode,
  ScaleDirection,
  ScaleOrientation,
  type VizLegendOptions,
} from '@grafana/schema';
import { UPLOT_AXIS_FONT_SIZE, UPlotChart, UPlotConfigBuilder, useTheme2, VizLayout, VizLegend } from '@grafana/ui';
import { useMemo } from 'react';
import uPlot from 'uplot';

import { plugin } from './plugin';

interface Options {
  rowHeight: number;
  showValue: 'auto' | 'always' | 'never';
  mergeValues: boolean;
  /** Grafana turns pages; here the first is shown. */
  perPage: number;
  legend: VizLegendOptions;
}

interface Stretch {
  from: number;
  to: number;
  text: string;
  color: string;
}

interface Lane {
  name: string;
  stretches: Stretch[];
}

const TEXT_PADDING = 6; // pixels
const LAST_TICK = 24; // pixels to the right of the plot, for half a time of day

function Lanes({ data, options, timeRange, timeZone, width, height }: PanelProps<Options>) {
  const theme = useTheme2();
  const lanes = useMemo(
    () => data.series.slice(0, options.perPage).map((frame) => laneOf(frame, data.series, options)),
    [data.series, options],
  );
  const seen = new Map(lanes.flatMap((lane) => lane.stretches).map(({ text, color }) => [text, color]));
  if (data.series.length > lanes.length) {
    seen.set(`${lanes.length} of ${data.series.length} are shown`, 'transparent');
  }
  const config = useMemo(() => {
    const builder = new UPlotConfigBuilder(timeZone);
    builder.addScale({
      scaleKey: 'x',
      isTime: true,
      orientation: ScaleOrientation.Horizontal,
      direction: ScaleDirection.Right,
      range: () => [timeRange.from.valueOf(), timeRange.to.valueOf()],
    });
    builder.addScale({
      scaleKey: 'y',
      isTime: false,
      orientation: ScaleOrientation.Vertical,
      direction: ScaleDirection.Down,
      range: () => [0, lanes.length],
    });
    builder.addAxis({
      scaleKey: 'x',
      isTime: true,
      placement: AxisPlacement.Bottom,
      timeZone,
      theme,
      grid: { show: false },
    });
    builder.addAxis({
      scaleKey: 'y',
      placement: AxisPlacement.Left,
      theme,
      grid: { show: false },
      ticks: { show: false },
      splits: () => lanes.map((_, place) => place + 0.5),
      values: () => lanes.map((lane) => lane.name),
    });
    builder.setPadding([0, LAST_TICK, 0, 0]);
    builder.addSeries({ scaleKey: 'y', theme, show: false, pxAlign: false });
    builder.addHook('draw', (plot) => draw(plot, lanes, options, theme.typography.fontFamily));
    return builder;
  }, [lanes, options, theme, timeRange, timeZone]);

  const legend = options.legend.showLegend ? (
    <VizLayout.Legend placement={options.legend.placement}>
      <VizLegend
        displayMode={LegendDisplayMode.List}
        placement={options.legend.placement}
        readonly
        items={[...seen].map(([label, color]) => ({ label, color, yAxis: 1 }))}
      />
    </VizLayout.Legend>
  ) : null;
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(plotWidth, plotHeight) => (
        <UPlotChart
          config={config}
          data={[
            [timeRange.from.valueOf(), timeRange.to.valueOf()],
            [null, null],
          ]}
          width={plotWidth}
          height={plotHeight}
        />
      )}
    </VizLayout>
  );
}

/** Each value holds until the next; after a gap of more than one step nothing is known. */
function laneOf(frame: DataFrame, all: DataFrame[], { mergeValues }: Options): Lane {
  const times = frame.fields.find((field) => field.type === FieldType.time) as Field<number>;
  const field = frame.fields.find((each) => each.type === FieldType.number)!;
  const step = times.config.interval ?? 0;
  const stretches: Stretch[] = [];
  times.values.forEach((from, place) => {
    const shown = field.display!(field.values[place]);
    const next = times.values[place + 1] ?? from + step;
    const stretch = {
      from,
      to: Math.min(next, from + 1.5 * step),
      text: formattedValueToString(shown),
      color: shown.color ?? 'transparent',
    };
    const last = stretches.at(-1);
    if (mergeValues && last?.text === stretch.text && last.to === from) {
      last.to = stretch.to;
    } else {
      stretches.push(stretch);
    }
  });
  return { name: getFieldDisplayName(field, frame, all), stretches };
}

function draw(plot: uPlot, lanes: Lane[], { rowHeight, showValue }: Options, font: string): void {
  const { ctx, bbox } = plot;
  const each = bbox.height / lanes.length;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${UPLOT_AXIS_FONT_SIZE * uPlot.pxRatio}px ${font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  lanes.forEach((lane, place) => {
    const top = bbox.top + each * (place + (1 - rowHeight) / 2);
    for (const { from, to, text, color } of lane.stretches) {
      const left = Math.max(plot.valToPos(from, 'x', true), bbox.left);
      const wide = plot.valToPos(to, 'x', true) - left;
      ctx.globalAlpha = 0.85;
      ctx.fillStyle = color;
      ctx.fillRect(left, top, wide, each * rowHeight);
      ctx.globalAlpha = 1;
      const fits = ctx.measureText(text).width + 2 * TEXT_PADDING * uPlot.pxRatio < wide;
      if (showValue === 'always' || (showValue === 'auto' && fits)) {
        ctx.fillStyle = '#111217';
        ctx.fillText(text, left + TEXT_PADDING * uPlot.pxRatio, top + (each * rowHeight) / 2);
      }
    }
  });
  ctx.restore();
}

export default plugin(Lanes, {
  options: {
    rowHeight: 0.9,
    showValue: 'auto',
    mergeValues: true,
    perPage: 20,
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
  },
  custom: { lineWidth: 0, fillOpacity: 70, hideFrom: { legend: false, tooltip: false, viz: false } },
});
