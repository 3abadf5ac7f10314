/** A bar for each series, as long as its value. */

import {
  type DisplayValueAlignmentFactors,
  type FieldDisplay,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type PanelProps,
  type ReduceDataOptions,
  VizOrientation,
} from '@grafana/data';
import type {
  BarGaugeDisplayMode,
  BarGaugeNamePlacement,
  BarGaugeValueMode,
  VizTextDisplayOptions,
} from '@grafana/schema';
import { BarGauge, useTheme2, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';

import { plugin } from './plugin';

interface Options {
  reduceOptions: ReduceDataOptions;
  orientation: VizOrientation;
  displayMode: BarGaugeDisplayMode;
  valueMode: BarGaugeValueMode;
  namePlacement: BarGaugeNamePlacement;
  showUnfilled: boolean;
  sizing: 'auto' | 'manual';
  minVizWidth: number;
  minVizHeight: number;
  maxVizHeight: number;
  text?: VizTextDisplayOptions;
}

const AUTO = { minVizWidth: 8, minVizHeight: 16, maxVizHeight: 300 };

type Bar = VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>;

function Bars(props: PanelProps<Options>) {
  const { data, options, fieldConfig, replaceVariables, timeZone, width, height, renderCounter } = props;
  const theme = useTheme2();
  const { minVizWidth, minVizHeight, maxVizHeight } = options;
  const sizes = options.sizing === 'manual' ? { minVizWidth, minVizHeight, maxVizHeight } : AUTO;
  const values = () =>
    getFieldDisplayValues({
      fieldConfig,
      reduceOptions: options.reduceOptions,
      replaceVariables,
      theme,
      data: data.series,
      timeZone,
    });
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={data}
      width={width}
      height={height}
      renderCounter={renderCounter}
      orientation={options.orientation}
      itemSpacing={10}
      {...sizes}
      renderValue={({ value, alignmentFactors, orientation, width, height }: Bar) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          width={width}
          height={height}
          orientation={orientation}
          alignmentFactors={alignmentFactors}
          theme={theme}
          displayMode={options.displayMode}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          showUnfilled={options.showUnfilled}
          text={options.text}
          itemSpacing={10}
          lcdCellWidth={12}
        />
      )}
    />
  );
}

export default plugin(Bars, {
  options: {
    reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' },
    orientation: VizOrientation.Auto,
    displayMode: 'gradient',
    valueMode: 'color',
    namePlacement: 'auto',
    showUnfilled: true,
    sizing: 'auto',
    ...AUTO,
  },
});
