/** A panel in its frame; where it cannot be drawn, it says why. */

import { EventBusSrv, getPanelOptionsWithDefaults, LoadingState, type PanelPlugin } from '@grafana/data';
import { ErrorBoundary, PanelChrome, useTheme2 } from '@grafana/ui';
import { type CSSProperties, useEffect, useMemo, useState } from 'react';

import type { Panel } from './dashboard';
import { look, type Look, NOTHING_YET, TIME_ZONE } from './look';
import { PLUGINS } from './panels';
import { type Request, timeRange } from './request';

interface Props {
  panel: Panel;
  request: Request;
  /** How often the page has looked; a new number is a new look. */
  looks: number;
  width: number;
  height: number;
  onLooked: () => void;
}

const events = new EventBusSrv();

export function PanelBox(props: Props) {
  const plugin = PLUGINS[props.panel.type];
  return plugin ? (
    <Drawn {...props} plugin={plugin} />
  ) : (
    <PanelChrome title={props.panel.title} width={props.width} height={props.height}>
      {() => <Said failed>{`This page cannot draw panels of type “${props.panel.type}”.`}</Said>}
    </PanelChrome>
  );
}

function Drawn({ panel, plugin, request, looks, width, height, onLooked }: Props & { plugin: PanelPlugin }) {
  const theme = useTheme2();
  const [seen, setSeen] = useState<Look>(NOTHING_YET);
  const [failure, setFailure] = useState('');
  const { options, fieldConfig } = useMemo(
    () =>
      getPanelOptionsWithDefaults({
        plugin,
        currentOptions: panel.options ?? {},
        isAfterPluginChange: false,
        currentFieldConfig: panel.fieldConfig ?? { defaults: {}, overrides: [] },
      }),
    [panel, plugin],
  );
  useEffect(() => {
    let current = true;
    look(panel, plugin, fieldConfig, request, timeRange(request), width, theme)
      .then(
        (found) => {
          if (current) {
            setSeen(found);
            setFailure('');
          }
        },
        (error: Error) => current && setFailure(error.message),
      )
      .finally(() => current && onLooked());
    return () => {
      current = false;
    };
  }, [panel, plugin, fieldConfig, request, looks, width, theme, onLooked]);

  const Component = plugin.panel!;
  const empty = !seen.data.series.some((frame) => frame.length > 0);
  return (
    <PanelChrome
      title={panel.title}
      description={panel.description}
      width={width}
      height={height}
      padding={paddingOf(panel)}
      statusMessage={failure || undefined}
    >
      {(innerWidth, innerHeight) => {
        if (failure) {
          return <Said failed>{failure}</Said>;
        }
        if (empty) {
          const told = (fieldConfig.defaults.noValue ?? 'No data') as string;
          return <Said>{seen.data.state === LoadingState.Loading ? '…' : told}</Said>;
        }
        return (
          <ErrorBoundary dependencies={[seen]}>
            {({ error }) =>
              error ? (
                <Said failed>{`This panel could not be drawn: ${error.message}`}</Said>
              ) : (
                <Component
                  id={panel.id}
                  title={panel.title}
                  data={seen.data}
                  timeRange={seen.range}
                  timeZone={TIME_ZONE}
                  options={options}
                  fieldConfig={fieldConfig}
                  width={innerWidth}
                  height={innerHeight}
                  transparent={false}
                  renderCounter={looks}
                  eventBus={events}
                  replaceVariables={(text) => text}
                  onOptionsChange={nothing}
                  onFieldConfigChange={nothing}
                  onChangeTimeRange={nothing}
                />
              )
            }
          </ErrorBoundary>
        );
      }}
    </PanelChrome>
  );
}

function nothing(): void {}

function paddingOf(panel: Panel): 'none' | 'md' {
  return panel.type === 'table' ? 'none' : 'md';
}

const SAID: CSSProperties = {
  height: '100%',
  display: 'flex',
  alignItems: 'center',
  justifyContent: 'center',
  textAlign: 'center',
  padding: 8,
};

/** Words in a panel's place. What takes the picture looks for `data-failure`. */
function Said({ children, failed }: { children: string; failed?: boolean }) {
  return (
    <div style={SAID} data-failure={failed ? children : undefined}>
      {children}
    </div>
  );
}
