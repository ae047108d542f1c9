// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.jface.layout.TableColumnLayout;
import org.eclipse.jface.viewers.ArrayContentProvider;
import org.eclipse.jface.viewers.ColumnLabelProvider;
import org.eclipse.jface.viewers.ColumnPixelData;
import org.eclipse.jface.viewers.ColumnWeightData;
import org.eclipse.jface.viewers.TableViewer;
import org.eclipse.jface.viewers.TableViewerColumn;
import org.eclipse.jface.viewers.Viewer;
import org.eclipse.jface.viewers.ViewerComparator;
import org.eclipse.swt.SWT;
import org.eclipse.swt.accessibility.AccessibleAdapter;
import org.eclipse.swt.accessibility.AccessibleEvent;
import org.eclipse.swt.dnd.Clipboard;
import org.eclipse.swt.dnd.TextTransfer;
import org.eclipse.swt.dnd.Transfer;
import org.eclipse.swt.graphics.GC;
import org.eclipse.swt.graphics.Image;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Table;

/**
 * A table of facts that can be read, sorted and copied, and not be changed.
 *
 * @param <T> what a row stands for
 */
public final class FactTable<T> {

    /**
     * @param characters the least width, in average characters
     * @param weight the share of the room that is left; 0: none
     * @param alignment SWT.LEFT or SWT.RIGHT
     * @param order null: by the text
     */
    public record Column<T>(
            String header, int characters, int weight, int alignment, Function<T, String> text, Comparator<T> order) {

        public static <T> Column<T> text(String header, int characters, int weight, Function<T, String> text) {
            return new Column<>(header, characters, weight, SWT.LEFT, text, null);
        }

        public static <T> Column<T> number(
                String header, int characters, Function<T, String> text, Comparator<T> order) {
            return new Column<>(header, characters, 0, SWT.RIGHT, text, order);
        }

        Comparator<T> ordering() {
            return order != null ? order : Comparator.comparing(text, String.CASE_INSENSITIVE_ORDER);
        }
    }

    private final TableViewer viewer;
    private final TableColumnLayout layout = new TableColumnLayout();
    private final List<Column<T>> columns;
    private Function<T, Image> icon = row -> null;
    private Comparator<T> order;

    /**
     * @param parent holds the table alone
     * @param name for screen readers
     */
    public FactTable(Composite parent, String name, List<Column<T>> columns) {
        this.columns = columns;
        parent.setLayout(layout);
        viewer = new TableViewer(parent, SWT.MULTI | SWT.FULL_SELECTION | SWT.H_SCROLL | SWT.V_SCROLL);
        viewer.setContentProvider(ArrayContentProvider.getInstance());
        for (Column<T> column : columns) {
            createColumn(column);
        }
        viewer.setComparator(new ColumnOrder());
        table().setHeaderVisible(true);
        table().getAccessible().addAccessibleListener(new AccessibleAdapter() {
            @Override
            public void getName(AccessibleEvent event) {
                event.result = name;
            }
        });
        table().addListener(SWT.KeyDown, event -> {
            if (event.stateMask == SWT.MOD1 && event.keyCode == 'c') {
                copy();
            }
        });
    }

    /** @param image shown in the first column; owned by somebody else */
    public void icon(Function<T, Image> image) {
        icon = image;
    }

    private void createColumn(Column<T> column) {
        TableViewerColumn created = new TableViewerColumn(viewer, column.alignment);
        created.getColumn().setText(column.header);
        created.getColumn().setMoveable(true);
        created.getColumn().addListener(SWT.Selection, event -> sortBy(created, column));
        created.setLabelProvider(new ColumnLabelProvider() {
            @Override
            public String getText(Object element) {
                return column.text.apply(row(element));
            }

            @Override
            public Image getImage(Object element) {
                return column == columns.get(0) ? icon.apply(row(element)) : null;
            }
        });
        int least = width(column.characters);
        layout.setColumnData(
                created.getColumn(),
                column.weight == 0 ? new ColumnPixelData(least) : new ColumnWeightData(column.weight, least));
    }

    @SuppressWarnings("unchecked")
    private T row(Object element) {
        return (T) element;
    }

    private int width(int characters) {
        GC gc = new GC(table());
        try {
            return (int) Math.ceil(gc.getFontMetrics().getAverageCharacterWidth() * characters);
        } finally {
            gc.dispose();
        }
    }

    private void sortBy(TableViewerColumn shown, Column<T> column) {
        boolean same = table().getSortColumn() == shown.getColumn();
        boolean down = same && table().getSortDirection() == SWT.UP;
        order = down ? column.ordering().reversed() : column.ordering();
        table().setSortColumn(shown.getColumn());
        table().setSortDirection(down ? SWT.DOWN : SWT.UP);
        viewer.refresh();
    }

    public TableViewer viewer() {
        return viewer;
    }

    public Table table() {
        return viewer.getTable();
    }

    /** In their order, until the user sorts them. */
    public void show(List<T> rows) {
        viewer.setInput(rows);
    }

    @SuppressWarnings("unchecked")
    public List<T> selected() {
        return viewer.getStructuredSelection().toList();
    }

    /** Puts the selected rows on the clipboard, as spreadsheets and editors take them. */
    public void copy() {
        Stream<String> header = Stream.of(columns.stream().map(Column::header).collect(Collectors.joining("\t")));
        Stream<String> lines = selected().stream()
                .map(row -> columns.stream().map(c -> c.text.apply(row)).collect(Collectors.joining("\t")));
        String text = Stream.concat(header, lines).collect(Collectors.joining(System.lineSeparator()));
        Clipboard clipboard = new Clipboard(table().getDisplay());
        try {
            clipboard.setContents(new Object[] {text}, new Transfer[] {TextTransfer.getInstance()});
        } finally {
            clipboard.dispose();
        }
    }

    private final class ColumnOrder extends ViewerComparator {

        @Override
        public int compare(Viewer shown, Object first, Object second) {
            return order == null ? 0 : order.compare(row(first), row(second));
        }

        @Override
        public void sort(Viewer shown, Object[] elements) {
            if (order != null) {
                super.sort(shown, elements);
            }
        }
    }
}
