/** Lines over time. */

import { type DataFrame, FieldType, type PanelProps } from '@grafana/data';
import type { SortOrder, TooltipDisplayMode, VizLegendOptions } from '@grafana/schema';
import { TimeSeries, TooltipPlugin } from '@grafana/ui';
import { useMemo } from 'react';

import { plugin } from './plugin';

interface Options {
  legend: VizLegendOptions;
  tooltip: { mode: TooltipDisplayMode; sort: SortOrder };
}

function Lines({ data, options, timeRange, timeZone, width, height }: PanelProps<Options>) {
  const frames = useMemo(() => data.series.map(withoutInfinities), [data.series]);
  return (
    <TimeSeries
      frames={frames}
      timeRange={timeRange}
      timeZone={timeZone}
      width={width}
      height={height}
      legend={options.legend}
      options={options}
    >
      {(config, alignedFrame) => (
        <TooltipPlugin
          config={config}
          data={alignedFrame}
          frames={frames}
          timeZone={timeZone}
          mode={options.tooltip.mode}
          sortOrder={options.tooltip.sort}
        />
      )}
    </TimeSeries>
  );
}

/** A quantile of nothing is NaN; drawn, it is a gap. */
function withoutInfinities(frame: DataFrame): DataFrame {
  return {
    ...frame,
    fields: frame.fields.map((field) =>
      field.type === FieldType.number
        ? { ...field, values: field.values.map((value) => (Number.isFinite(value) ? value : null)) }
        : field,
    ),
  };
}

export default plugin(Lines, {
  color: 'palette-classic',
  options: {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
    tooltip: { mode: 'single', sort: 'none' },
  },
  custom: {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    lineStyle: undefined,
    fillOpacity: 0,
    gradientMode: 'none',
    barAlignment: 0,
    barWidthFactor: 0.6,
    showPoints: 'auto',
    pointSize: 5,
    spanNulls: false,
    stacking: { mode: 'none', group: 'A' },
    axisPlacement: 'auto',
    axisLabel: '',
    axisColorMode: 'text',
    axisBorderShow: false,
    axisCenteredZero: false,
    axisGridShow: true,
    axisSoftMin: undefined,
    axisSoftMax: undefined,
    axisWidth: undefined,
    scaleDistribution: { type: 'linear' },
    thresholdsStyle: { mode: 'off' },
    fillBelowTo: undefined,
    hideFrom: { legend: false, tooltip: false, viz: false },
  },
});
