/** What panels have in common that show one thing for each value: the values, side by side or below each other. */

import {
  type DisplayValueAlignmentFactors,
  type FieldDisplay,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type PanelProps,
  type ReduceDataOptions,
  VizOrientation,
} from '@grafana/data';
import { useTheme2, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';
import type { ReactElement } from 'react';

export interface ReducedOptions {
  reduceOptions: ReduceDataOptions;
  orientation: VizOrientation;
}

export const REDUCED_DEFAULTS = {
  reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' },
  orientation: VizOrientation.Auto,
};

/** A value and the room it has. */
export type Shown = VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>;

interface Props {
  panel: Omit<PanelProps<ReducedOptions>, 'onOptionsChange'>;
  /** Whether each value comes with its course over time. */
  sparkline?: boolean;
  layout: {
    autoGrid?: boolean;
    itemSpacing?: number;
    minVizWidth?: number;
    minVizHeight?: number;
    maxVizHeight?: number;
  };
  children: (shown: Shown) => ReactElement;
}

export function Repeated({ panel, sparkline, layout, children }: Props) {
  const { data, options, fieldConfig, replaceVariables, timeZone, width, height, renderCounter } = panel;
  const theme = useTheme2();
  const values = () =>
    getFieldDisplayValues({
      fieldConfig,
      reduceOptions: options.reduceOptions,
      replaceVariables,
      theme,
      data: data.series,
      sparkline,
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
      renderValue={children}
      {...layout}
    />
  );
}
