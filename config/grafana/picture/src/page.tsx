/** The page: the dashboard's grid, drawn again every `refresh` seconds. */

import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';

import { createTheme, rangeUtil, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { type CSSProperties, StrictMode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { dashboard, type Panel } from './dashboard';
import { register } from './fieldconfig';
import { PanelBox } from './panel';
import { choices, read, type Request, timeRange } from './request';

const COLUMNS = 24;
const ROW = 30; // pixels, as Grafana's grid has it, and the next also
const GAP = 8;
const MARGIN = 16;

const theme = createTheme({ colors: { mode: 'dark' } });

function Page({ request }: { request: Request }) {
  const width = useWidth();
  const [looks, setLooks] = useState(1);
  const waiting = useRef(0);
  const drawn = dashboard.panels.filter((panel) => panel.type !== 'row').length;
  const onLooked = useCallback(() => {
    waiting.current += 1;
    // What takes the picture waits for this.
    document.documentElement.dataset.looked = String(Math.floor(waiting.current / drawn));
  }, [drawn]);
  useEffect(() => {
    if (!request.refresh) {
      return;
    }
    const timer = setInterval(() => setLooks((before) => before + 1), request.refresh * 1000);
    return () => clearInterval(timer);
  }, [request.refresh]);
  return (
    <main style={{ padding: MARGIN, width: width + 2 * MARGIN }}>
      <Head request={request} />
      <div style={{ position: 'relative', height: heightOf(dashboard.panels) }}>
        {dashboard.panels.map((panel) => {
          const place = placeOf(panel, width);
          return (
            <section key={panel.id} style={{ position: 'absolute', ...place }}>
              {panel.type === 'row' ? (
                <h2 style={ROW_TITLE}>{panel.title}</h2>
              ) : (
                <PanelBox
                  panel={panel}
                  request={request}
                  looks={looks}
                  width={place.width}
                  height={place.height}
                  onLooked={onLooked}
                />
              )}
            </section>
          );
        })}
      </div>
    </main>
  );
}

function Head({ request }: { request: Request }) {
  const chosen = choices(dashboard).map(({ name, label, allValue }) => {
    const value = request.chosen[name];
    return `${label}: ${value === allValue ? 'All' : value}`;
  });
  const range = rangeUtil.describeTimeRange(timeRange(request).raw);
  return (
    <header style={{ display: 'flex', gap: 24, alignItems: 'baseline', marginBottom: GAP }}>
      <h1 style={{ fontSize: 20, fontWeight: 500, margin: 0, flexGrow: 1 }}>{dashboard.title}</h1>
      {chosen.map((text) => (
        <span key={text}>{text}</span>
      ))}
      <span>{range}</span>
      <span>{`Prometheus: ${request.prometheus}`}</span>
    </header>
  );
}

const ROW_TITLE: CSSProperties = { fontSize: 16, fontWeight: 500, lineHeight: `${ROW}px`, margin: 0 };

function placeOf({ gridPos: { x, y, w, h } }: Panel, width: number) {
  const column = (width + GAP) / COLUMNS;
  return {
    left: Math.round(x * column),
    top: y * (ROW + GAP),
    width: Math.round(w * column - GAP),
    height: h * (ROW + GAP) - GAP,
  };
}

function heightOf(panels: Panel[]): number {
  return Math.max(...panels.map(({ gridPos: { y, h } }) => (y + h) * (ROW + GAP)));
}

function useWidth(): number {
  const [width, setWidth] = useState(document.documentElement.clientWidth);
  useEffect(() => {
    const measure = () => setWidth(document.documentElement.clientWidth);
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, []);
  return width - 2 * MARGIN;
}

function App() {
  const request = useMemo(() => read(new URL(window.location.href), dashboard), []);
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Page request={request} />
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

register();
createRoot(document.getElementById('page')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
