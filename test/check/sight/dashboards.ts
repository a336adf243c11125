import {
  GraphThresholdsStyleConfigBuilder,
  type GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  QueryVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as HistoryBuilder } from '@grafana/grafana-foundation-sdk/statushistory';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { sum } from '../../../host/observe/expression.ts';
import { type Board, type Panel, SCOPE, type Unit } from '../../../host/observe/panel.ts';
import { toPromql } from '../../../host/observe/promql.ts';

/** Grafana's names of our units (its "Units" list). */
const UNITS: Record<Unit, string> = {
  seconds: 's',
  bytes: 'decbytes',
  'bytes per second': 'Bps',
  'per second': 'cps',
  share: 'percentunit',
  times: 'suffix:×',
  number: 'short',
};

const SOURCE = { type: 'prometheus', uid: '$datasource' };
/** Grafana has 24 columns. */
const [FIGURE_COLUMNS, LINES_COLUMNS, ROWS] = [6, 12, 8];

/** Returns a board as the JSON of a Grafana dashboard. */
export function dashboardOf(board: Board): string {
  const { id, title, about, one, panels } = board;
  const dashboard = new DashboardBuilder(`Nearlight: ${title}`)
    .uid(`nearlight-${id}`)
    .description(about)
    .tags(['nearlight'])
    .editable()
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  if (one !== undefined) dashboard.withVariable(variable(one));
  panels.forEach((panel, index) => {
    const make = panel.shape === 'figure' ? figure : panel.shape === 'heat' ? heat : lines;
    dashboard.withPanel(make(panel, board).id(index + 1));
  });
  return `${JSON.stringify(dashboard.build(), undefined, 2)}\n`;
}

function variable(label: string): QueryVariableBuilder {
  const hosts = toPromql(sum('nearlight_build_info'), { scope: SCOPE, window: '' }).slice('sum('.length, -1);
  return new QueryVariableBuilder(label)
    .label(label)
    .datasource(SOURCE)
    .query({ query: `label_values(${hosts}, ${label})`, refId: label })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

function figure(panel: Panel, board: Board): StatBuilder {
  const builder = new StatBuilder()
    .span(FIGURE_COLUMNS)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  return withCommon(builder, panel, board);
}

function lines(panel: Panel, board: Board): TimeseriesBuilder {
  const isStacked = panel.shape === 'stacked';
  const legend = new VizLegendOptionsBuilder()
    .showLegend(true)
    .placement(LegendPlacement.Bottom)
    // A table has one row for each line and scrolls, so that codes which never occur come last.
    .displayMode(isStacked ? LegendDisplayMode.Table : LegendDisplayMode.List)
    .calcs(isStacked ? ['lastNotNull'] : []);
  if (isStacked) legend.sortBy('Last *').sortDesc(true);
  const builder = new TimeseriesBuilder()
    .span(LINES_COLUMNS)
    .min(0)
    .lineWidth(2)
    .fillOpacity(isStacked ? 50 : 8)
    .legend(legend)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (isStacked) builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (panel.goal !== undefined)
    builder.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode('dashed' as GraphThresholdsStyleMode));
  return withCommon(builder, panel, board);
}

/** A row of cells for each line. */
function heat(panel: Panel, board: Board): HistoryBuilder {
  const builder = new HistoryBuilder()
    .span(LINES_COLUMNS)
    .showValue(VisibilityMode.Never)
    .maxDataPoints(60)
    .legend(new VizLegendOptionsBuilder().showLegend(false).placement(LegendPlacement.Bottom).calcs([]));
  const scheme = panel.isBad ? FieldColorModeId.ContinuousReds : FieldColorModeId.ContinuousBlues;
  return withCommon(builder, panel, board).min(0).colorScheme(new FieldColorBuilder().mode(scheme));
}

function withCommon<T extends StatBuilder | TimeseriesBuilder | HistoryBuilder>(
  builder: T,
  panel: Panel,
  { one }: Board,
): T {
  const scope = one === undefined ? SCOPE : { ...SCOPE, [one]: `$${one}` };
  builder.title(panel.title).description(panel.about).datasource(SOURCE).height(ROWS).unit(UNITS[panel.unit]);
  if (panel.decimals !== undefined) builder.decimals(panel.decimals);
  builder.thresholds(thresholds(panel));
  panel.queries.forEach(({ expression, name }, index) => {
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode('A'.charCodeAt(0) + index))
        .expr(toPromql(expression, { scope, window: '$__rate_interval' }))
        .legendFormat(name.replace(/\{(\w+)\}/g, '{{$1}}')),
    );
  });
  return builder;
}

function thresholds({ goal, goalIs = 'most' }: Panel): ThresholdsConfigBuilder {
  const [below, above] = goalIs === 'most' ? ['green', 'red'] : ['red', 'green'];
  const steps =
    goal === undefined
      ? [{ value: null, color: 'blue' }]
      : [
          { value: null, color: below },
          { value: goal, color: above },
        ];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}
