/** One figure, or one for each series. */

import type { PanelProps } from '@grafana/data';
import type { PercentChangeColorMode } from '@grafana/schema';
import {
  BigValue,
  type BigValueColorMode,
  BigValueGraphMode,
  type BigValueJustifyMode,
  type BigValueTextMode,
  useTheme2,
} from '@grafana/ui';

import { plugin } from './plugin';
import { REDUCED_DEFAULTS, Repeated, type ReducedOptions, type Shown } from './repeated';

interface Options extends ReducedOptions {
  colorMode: BigValueColorMode;
  graphMode: BigValueGraphMode;
  justifyMode: BigValueJustifyMode;
  textMode: BigValueTextMode;
  wideLayout: boolean;
  percentChangeColorMode: PercentChangeColorMode;
}

function Figures(props: PanelProps<Options>) {
  const { options } = props;
  const theme = useTheme2();
  return (
    <Repeated panel={props} sparkline={options.graphMode !== BigValueGraphMode.None} layout={{ autoGrid: true }}>
      {({ value, alignmentFactors, width, height, count }: Shown) => (
        <BigValue
          value={value.display}
          sparkline={value.sparkline}
          alignmentFactors={alignmentFactors}
          width={width}
          height={height}
          count={count}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          theme={theme}
          percentChangeColorMode={options.percentChangeColorMode}
          disableWideLayout={!options.wideLayout}
        />
      )}
    </Repeated>
  );
}

export default plugin(Figures, {
  options: {
    ...REDUCED_DEFAULTS,
    colorMode: 'value',
    graphMode: 'area',
    justifyMode: 'auto',
    textMode: 'auto',
    wideLayout: true,
    percentChangeColorMode: 'standard',
  },
});
