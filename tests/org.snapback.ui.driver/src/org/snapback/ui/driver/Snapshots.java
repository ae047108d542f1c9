// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.driver;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.eclipse.swt.SWT;
import org.eclipse.swt.custom.CTabFolder;
import org.eclipse.swt.widgets.Control;
import org.eclipse.swt.widgets.Event;
import org.eclipse.swt.widgets.Label;
import org.eclipse.swt.widgets.Link;
import org.eclipse.swt.widgets.Menu;
import org.eclipse.swt.widgets.MenuItem;
import org.eclipse.swt.widgets.Shell;
import org.eclipse.swt.widgets.Table;
import org.eclipse.swt.widgets.TableItem;
import org.eclipse.swt.widgets.Text;
import org.eclipse.ui.IViewPart;

/** The Snapshots view, by what can be seen of it. */
public final class Snapshots {

    public static final String VIEW = "org.snapback.ui.snapshots";

    public static final int NUMBER = 0;
    public static final int NAME = 1;
    public static final int TIME = 2;
    public static final int PLACE = 3;
    public static final int THREADS = 4;
    public static final int MEMORY = 5;
    public static final int SAVED = 6;

    private static final int SAVED_FILE = 5;

    private final IViewPart part;
    private final Shell shell;

    Snapshots(IViewPart part, Shell shell) {
        this.part = part;
        this.shell = shell;
    }

    public IViewPart part() {
        return part;
    }

    /** The view's whole content. */
    private Control content() {
        return Widgets.below(shell, Table.class)
                .filter(table -> table.getColumnCount() == SAVED + 1 && "#".equals(table.getColumn(NUMBER).getText()))
                .map(table -> (Control) table.getParent().getParent().getParent().getParent())
                .findFirst()
                .orElseThrow(() -> new AssertionError("The Snapshots view is not there"));
    }

    public Table table() {
        return Widgets.below(content(), Table.class).findFirst().orElseThrow();
    }

    public Text filter() {
        return Widgets.below(content(), Text.class)
                .filter(text -> (text.getStyle() & SWT.SEARCH) != 0)
                .findFirst()
                .orElseThrow();
    }

    /** What the view says in place of an empty table; empty: it shows the table. */
    public String emptyText() {
        return Widgets.below(content(), Link.class)
                .filter(Control::isVisible)
                .map(Link::getText)
                .findFirst()
                .orElse("");
    }

    /** The message above the table; empty: none. */
    public String message() {
        return Widgets.below(content(), Text.class)
                .filter(text -> (text.getStyle() & SWT.READ_ONLY) != 0 && text.isVisible())
                .map(Text::getText)
                .findFirst()
                .orElse("");
    }

    /** The line beside the filter: which session it is and how it stands. */
    public String description() {
        return Widgets.below(content(), Label.class)
                .map(Label::getText)
                .filter(text -> !text.isEmpty())
                .findFirst()
                .orElse("");
    }

    public List<TableItem> rows() {
        return List.of(table().getItems());
    }

    /** The texts of a column, from top to bottom. */
    public List<String> column(int column) {
        return rows().stream().map(row -> row.getText(column)).toList();
    }

    /** The second tab of the view: what is saved. */
    private Table savedTable() {
        return Widgets.below(content(), Table.class)
                .filter(table -> table.getColumnCount() == SAVED_FILE + 1)
                .findFirst()
                .orElseThrow();
    }

    /** The names of the saved snapshots, whether that tab is in front or not. */
    public List<String> saved() {
        return Stream.of(savedTable().getItems()).map(item -> item.getText(0)).toList();
    }

    /** Brings the tab of the session to the front, or that of what is saved. */
    public void turnTo(String tab) {
        CTabFolder tabs = (CTabFolder) savedTable().getParent().getParent();
        Stream.of(tabs.getItems()).filter(item -> item.getText().startsWith(tab)).forEach(tabs::setSelection);
        EventLoop.drain();
    }

    /** The file of a saved snapshot. */
    public Path savedFile(String name) {
        return Path.of(savedRow(name).getText(SAVED_FILE));
    }

    private TableItem savedRow(String name) {
        return Stream.of(savedTable().getItems())
                .filter(item -> item.getText(0).equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("Nothing saved is named " + name + ", only " + saved()));
    }

    public void awaitSaved(String... names) {
        EventLoop.await(
                () -> "the saved snapshots " + List.of(names) + "; there are " + saved() + ", " + message(),
                () -> saved().size() == names.length && saved().containsAll(List.of(names)));
    }

    /** Chooses from the context menu of saved snapshots. */
    public void chooseSaved(String entry, String... names) {
        selectSaved(names);
        choose(savedTable(), entry);
    }

    private void selectSaved(String... names) {
        turnTo("Saved");
        savedTable().setFocus();
        savedTable().setSelection(Stream.of(names).map(this::savedRow).toArray(TableItem[]::new));
        Widgets.send(savedTable(), SWT.Selection, 0);
        EventLoop.drain();
    }

    public void doubleClickSaved(String name) {
        selectSaved(name);
        open(savedTable(), savedRow(name));
    }

    public TableItem row(String name) {
        return rows().stream()
                .filter(row -> row.getText(NAME).equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("No row is named " + name + ", only " + column(NAME)));
    }

    /** The name of the row that is marked as the position: the one in bold; empty: none is. */
    public Optional<String> position() {
        return rows().stream()
                .filter(row -> (row.getFont(NAME).getFontData()[0].getStyle() & SWT.BOLD) != 0)
                .map(row -> row.getText(NAME))
                .findFirst();
    }

    public void awaitRows(int count) {
        EventLoop.await(() -> count + " snapshots in the view; there are " + column(NAME) + ", " + message(),
                () -> rows().size() == count);
    }

    public void awaitPosition(String name) {
        EventLoop.await(
                () -> "the position to be " + name + "; it is " + position() + ", " + message(),
                () -> position().equals(Optional.of(name)));
    }

    public void select(String... names) {
        turnTo("Session");
        TableItem[] chosen = Stream.of(names).map(this::row).toArray(TableItem[]::new);
        table().setFocus();
        table().setSelection(chosen);
        Widgets.send(table(), SWT.Selection, 0);
        EventLoop.drain();
    }

    public void doubleClick(String name) {
        select(name);
        open(table(), row(name));
    }

    private static void open(Table table, TableItem row) {
        Event event = new Event();
        event.widget = table;
        event.type = SWT.DefaultSelection;
        event.item = row;
        table.notifyListeners(SWT.MouseDoubleClick, event);
        table.notifyListeners(SWT.DefaultSelection, event);
    }

    /** Chooses from the context menu of the selected rows. */
    public void choose(String entry) {
        choose(table(), entry);
    }

    private static void choose(Table table, String entry) {
        Menu menu = Widgets.open(table.getMenu());
        MenuItem item = Stream.of(menu.getItems())
                .filter(candidate -> text(candidate).startsWith(entry))
                .findFirst()
                .orElseThrow(() -> new AssertionError("The context menu does not offer " + entry));
        Widgets.press(item);
        Widgets.close(menu);
    }

    public List<String> contextMenu() {
        Menu menu = Widgets.open(table().getMenu());
        List<String> texts = Stream.of(menu.getItems()).map(Snapshots::text).filter(t -> !t.isEmpty()).toList();
        Widgets.close(menu);
        return texts;
    }

    private static String text(MenuItem item) {
        return item.getText().replace("&", "");
    }

    /** The text that is open in a row. */
    public Text editor() {
        EventLoop.await("a name to be edited", () -> Widgets.below(table(), Text.class).anyMatch(Control::isVisible));
        return Widgets.below(table(), Text.class).filter(Control::isVisible).findFirst().orElseThrow();
    }

    public void sortBy(int column) {
        Widgets.press(table().getColumn(column));
    }

    public int widthOf(int column) {
        return table().getColumn(column).getWidth();
    }

    public List<Integer> numbers() {
        return IntStream.range(0, rows().size())
                .mapToObj(index -> Integer.valueOf(rows().get(index).getText(NUMBER)))
                .toList();
    }
}
