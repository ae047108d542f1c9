// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.eclipse.jface.layout.TableColumnLayout;
import org.eclipse.jface.viewers.ColumnPixelData;
import org.eclipse.jface.viewers.ColumnViewerEditor;
import org.eclipse.jface.viewers.ColumnViewerEditorActivationEvent;
import org.eclipse.jface.viewers.ColumnViewerEditorActivationListener;
import org.eclipse.jface.viewers.ColumnViewerEditorActivationStrategy;
import org.eclipse.jface.viewers.ColumnViewerEditorDeactivationEvent;
import org.eclipse.jface.viewers.ColumnWeightData;
import org.eclipse.jface.viewers.IStructuredContentProvider;
import org.eclipse.jface.viewers.StructuredSelection;
import org.eclipse.jface.viewers.TableViewer;
import org.eclipse.jface.viewers.TableViewerColumn;
import org.eclipse.jface.viewers.TableViewerEditor;
import org.eclipse.jface.viewers.Viewer;
import org.eclipse.jface.viewers.ViewerComparator;
import org.eclipse.jface.viewers.ViewerFilter;
import org.eclipse.swt.SWT;
import org.eclipse.swt.graphics.GC;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Table;
import org.eclipse.swt.widgets.TableColumn;
import org.eclipse.ui.IMemento;
import org.snapback.core.SaveProgress;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.Messages;

/** The table of the Snapshots view: columns, order, filter, and what is kept of them over a restart. */
final class SnapshotTable {

    private static final String SORT_COLUMN = "sortColumn";
    private static final String SORT_DOWN = "sortDown";
    private static final String FILTER = "filter";
    private static final String WIDTH = "width.";

    private final TableViewer viewer;
    private final TableColumnLayout layout = new TableColumnLayout();
    private final Map<SnapshotColumn, TableViewerColumn> columns = new EnumMap<>(SnapshotColumn.class);
    private Session session;
    private SnapshotColumn sort = SnapshotColumn.NUMBER;
    private boolean down;
    private String filter = "";
    private boolean stale;
    private Consumer<Boolean> editing = active -> {};

    /** @param parent holds the table alone */
    SnapshotTable(Composite parent) {
        parent.setLayout(layout);
        viewer = new TableViewer(parent, SWT.MULTI | SWT.FULL_SELECTION | SWT.H_SCROLL | SWT.V_SCROLL);
        viewer.setUseHashlookup(true);
        viewer.setComparer(new SameSnapshot());
        viewer.setContentProvider((IStructuredContentProvider) input -> snapshots().toArray());
        for (SnapshotColumn column : SnapshotColumn.values()) {
            createColumn(column);
        }
        viewer.addFilter(new TextFilter());
        viewer.setComparator(new ColumnOrder());
        table().setHeaderVisible(true);
        table().getAccessible().addAccessibleListener(new Named(Messages.tableName));
        prepareEditing();
        viewer.setInput(this);
    }

    TableViewer viewer() {
        return viewer;
    }

    Table table() {
        return viewer.getTable();
    }

    List<Snapshot> snapshots() {
        return session == null ? List.of() : session.snapshots();
    }

    @SuppressWarnings("unchecked")
    List<Snapshot> selected() {
        return viewer.getStructuredSelection().toList();
    }

    /** Shows what that session holds now; null: none. What is selected stays so, and the newest is brought into view. */
    void show(Session shown) {
        Optional<Snapshot> before = last();
        if (shown != session) {
            viewer.cancelEditing();
        }
        session = shown;
        if (viewer.isCellEditorActive()) {
            stale = true;
            return;
        }
        viewer.refresh();
        last().filter(s -> before.isEmpty() || before.get().id() != s.id()).ifPresent(viewer::reveal);
    }

    private Optional<Snapshot> last() {
        List<Snapshot> all = snapshots();
        return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
    }

    /** @param listener told true when a name begins to be edited, false when that is over */
    void onEditing(Consumer<Boolean> listener) {
        editing = listener;
    }

    boolean isCurrent(Snapshot snapshot) {
        return session != null && snapshot.id() == session.currentSnapshot();
    }

    private Optional<SaveProgress> saving(Snapshot snapshot) {
        return session == null ? Optional.empty() : session.saving(snapshot.id());
    }

    void filter(String text) {
        filter = text.trim();
        viewer.refresh();
    }

    String filter() {
        return filter;
    }

    /** Lets the name of that snapshot be edited in place. */
    void rename(Snapshot snapshot) {
        viewer.setSelection(new StructuredSelection(snapshot), true);
        viewer.editElement(snapshot, SnapshotColumn.NAME.ordinal());
    }

    private void createColumn(SnapshotColumn column) {
        TableViewerColumn created = new TableViewerColumn(viewer, column.alignment());
        created.getColumn().setText(column.header());
        created.getColumn().setMoveable(true);
        created.getColumn().addListener(SWT.Selection, event -> sortBy(column, sort == column && !down));
        created.setLabelProvider(new SnapshotLabels(column, this::isCurrent, this::saving));
        if (column == SnapshotColumn.NAME) {
            created.setEditingSupport(new NameEditing(viewer, () -> session));
        }
        int least = width(column.characters());
        layout.setColumnData(
                created.getColumn(),
                column.weight() == 0 ? new ColumnPixelData(least) : new ColumnWeightData(column.weight(), least));
        columns.put(column, created);
    }

    private int width(int characters) {
        GC gc = new GC(table());
        try {
            return (int) Math.ceil(gc.getFontMetrics().getAverageCharacterWidth() * characters);
        } finally {
            gc.dispose();
        }
    }

    /** A double click rewinds; so a name is edited only when asked for. */
    private void prepareEditing() {
        ColumnViewerEditorActivationStrategy onRequest = new ColumnViewerEditorActivationStrategy(viewer) {
            @Override
            protected boolean isEditorActivationEvent(ColumnViewerEditorActivationEvent event) {
                return event.eventType == ColumnViewerEditorActivationEvent.PROGRAMMATIC;
            }
        };
        TableViewerEditor.create(viewer, onRequest, ColumnViewerEditor.DEFAULT);
        viewer.getColumnViewerEditor().addEditorActivationListener(new ColumnViewerEditorActivationListener() {
            @Override
            public void beforeEditorActivated(ColumnViewerEditorActivationEvent event) {
                editing.accept(true);
            }

            @Override
            public void afterEditorDeactivated(ColumnViewerEditorDeactivationEvent event) {
                editing.accept(false);
                if (stale) {
                    stale = false;
                    viewer.refresh();
                }
            }

            @Override
            public void afterEditorActivated(ColumnViewerEditorActivationEvent event) {
                // see beforeEditorActivated
            }

            @Override
            public void beforeEditorDeactivated(ColumnViewerEditorDeactivationEvent event) {
                // see afterEditorDeactivated
            }
        });
    }

    private void sortBy(SnapshotColumn column, boolean descending) {
        sort = column;
        down = descending;
        TableColumn shown = columns.get(column).getColumn();
        table().setSortColumn(shown);
        table().setSortDirection(down ? SWT.DOWN : SWT.UP);
        viewer.refresh();
    }

    void save(IMemento memento) {
        memento.putString(SORT_COLUMN, sort.name());
        memento.putBoolean(SORT_DOWN, down);
        memento.putString(FILTER, filter);
        columns.forEach(
                (column, shown) -> memento.putInteger(WIDTH + column.name(), shown.getColumn().getWidth()));
    }

    /** @param memento null: nothing was kept */
    void restore(IMemento memento) {
        if (memento != null) {
            columns.forEach((column, shown) -> restoreWidth(shown.getColumn(), memento.getInteger(WIDTH + column.name())));
            filter = Optional.ofNullable(memento.getString(FILTER)).orElse("");
        }
        sortBy(savedSort(memento), memento != null && Boolean.TRUE.equals(memento.getBoolean(SORT_DOWN)));
    }

    private void restoreWidth(TableColumn column, Integer width) {
        if (width != null && width > 0) {
            layout.setColumnData(column, new ColumnPixelData(width));
        }
    }

    private static SnapshotColumn savedSort(IMemento memento) {
        String name = memento == null ? null : memento.getString(SORT_COLUMN);
        for (SnapshotColumn column : SnapshotColumn.values()) {
            if (column.name().equals(name)) {
                return column;
            }
        }
        return SnapshotColumn.NUMBER;
    }

    private final class TextFilter extends ViewerFilter {

        @Override
        public boolean select(Viewer shown, Object parent, Object element) {
            return filter.isEmpty() || SnapshotText.matches((Snapshot) element, filter);
        }
    }

    private final class ColumnOrder extends ViewerComparator {

        @Override
        public int compare(Viewer shown, Object first, Object second) {
            int order = sort.order().compare((Snapshot) first, (Snapshot) second);
            return down ? -order : order;
        }
    }
}
