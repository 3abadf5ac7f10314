/** A bar for each series, as long as its value. */

import type { PanelProps } from '@grafana/data';
import type {
  BarGaugeDisplayMode,
  BarGaugeNamePlacement,
  BarGaugeValueMode,
  VizTextDisplayOptions,
} from '@grafana/schema';
import { BarGauge, useTheme2 } from '@grafana/ui';

import { plugin } from './plugin';
import { REDUCED_DEFAULTS, Repeated, type ReducedOptions, type Shown } from './repeated';

interface Options extends ReducedOptions {
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
const SPACING = 10;

function Bars(props: PanelProps<Options>) {
  const { options } = props;
  const theme = useTheme2();
  const { minVizWidth, minVizHeight, maxVizHeight } = options;
  const sizes = options.sizing === 'manual' ? { minVizWidth, minVizHeight, maxVizHeight } : AUTO;
  return (
    <Repeated panel={props} layout={{ itemSpacing: SPACING, ...sizes }}>
      {({ value, alignmentFactors, orientation, width, height }: Shown) => (
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
          itemSpacing={SPACING}
          lcdCellWidth={12}
        />
      )}
    </Repeated>
  );
}

export default plugin(Bars, {
  options: {
    ...REDUCED_DEFAULTS,
    displayMode: 'gradient',
    valueMode: 'color',
    namePlacement: 'auto',
    showUnfilled: true,
    sizing: 'auto',
    ...AUTO,
  },
});
