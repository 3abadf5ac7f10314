/** Rows and columns. */

import type { PanelProps } from '@grafana/data';
import type { TableCellHeight } from '@grafana/schema';
import type { TableSortByFieldState } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

import { plugin } from './plugin';

interface Options {
  showHeader: boolean;
  cellHeight: TableCellHeight;
  sortBy?: TableSortByFieldState[];
}

function Rows({ data, options, fieldConfig, width, height }: PanelProps<Options>) {
  return (
    <TableNG
      data={data.series[0]!}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      cellHeight={options.cellHeight}
      sortBy={options.sortBy}
      sortByBehavior="initial"
      fieldConfig={fieldConfig}
      transparent={false}
    />
  );
}

export default plugin(Rows, {
  options: { showHeader: true, cellHeight: 'sm', sortBy: undefined },
  custom: {
    align: 'auto',
    cellOptions: { type: 'auto' },
    width: undefined,
    minWidth: undefined,
    inspect: false,
    filterable: undefined,
    hideFrom: undefined,
    footer: { reducers: [] },
    wrapText: undefined,
  },
});
